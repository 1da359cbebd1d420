#include "study/published.hpp"

namespace fulgurite::study {
namespace {

constexpr PublishedRange kBaseline{1357, 1357};
constexpr PublishedRange kFused{1118, 1176};
constexpr PublishedRange kFirstFusion{0.86 * 1357, 0.86 * 1357, true};  // "-14 %"

}  // namespace

std::optional<PublishedRange> published(programs::Form form, Reading reading) {
  using programs::Form;
  switch (form) {
    case Form::baseline:
      return kBaseline;
    case Form::rope_slice:
      if (reading == Reading::text) return kFirstFusion;
      break;
    case Form::rope:
      if (reading == Reading::text) return kFused;
      break;
    case Form::merged:
      if (reading == Reading::diff) return kFused;
      break;
    case Form::per_token:
      break;
  }
  return std::nullopt;
}

}  // namespace fulgurite::study
