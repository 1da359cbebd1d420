#include "study/variant.hpp"

#include <algorithm>

namespace fulgurite::study {

Variant variant_of(std::string_view name, const programs::ProgramShape& shape) {
  const std::size_t colon = std::min(name.find(':'), name.size());
  Variant variant;
  variant.name = name;
  variant.form = programs::form_of(name.substr(0, colon));
  variant.options = programs::options_of(variant.form, shape);
  std::string_view changes = name.substr(std::min(colon + 1, name.size()));
  while (!changes.empty()) {
    const std::size_t comma = std::min(changes.find(','), changes.size());
    programs::set(variant.options, changes.substr(0, comma));
    changes.remove_prefix(std::min(comma + 1, changes.size()));
  }
  variant.options.validate(shape);
  return variant;
}

}  // namespace fulgurite::study
