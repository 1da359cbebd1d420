#include "programs/forms.hpp"

#include <algorithm>
#include <string>

#include "fulgurite/error.hpp"

namespace fulgurite::programs {
namespace {

using tile::SplitMode;

/// The largest divisor of `extent` up to `most` that is a multiple of `unit`.
Index divisor(Index extent, Index most, Index unit = 1) {
  Index found = std::min(extent, most) / unit * unit;
  while (found > unit && extent % found != 0) found -= unit;
  return std::max(found, unit);
}

/// K steps are even, so that no pair of a Dot is cut.
Index k_step(Index extent, Index most) { return divisor(extent, most, 2); }

Tiling tiling_of(Form form, const ProgramShape& shape) {
  const Index tokens = std::max<Index>(shape.tokens(), 1);
  const bool per_token = form == Form::per_token;
  Tiling tiling;
  tiling.query_k_step = k_step(shape.query_rank, tiling.query_k_step);
  tiling.query_row_chunk = tokens % 16 == 0 ? 16 : tokens;
  tiling.group = per_token || tokens % 2 != 0 ? 1 : 2;
  tiling.rope_group = !per_token && tokens % 4 == 0 ? 4 : tiling.group;
  tiling.rope_row_chunk = shape.heads;
  tiling.hadamard_row_chunk = shape.heads * tiling.group;
  tiling.weights_k_step = k_step(shape.hidden, tiling.weights_k_step);
  tiling.batch_group = per_token ? 1 : divisor(shape.sequences, tiling.batch_group);
  tiling.compressor_k_step = k_step(shape.hidden, tiling.compressor_k_step);
  return tiling;
}

}  // namespace

std::string_view name(Form form) {
  switch (form) {
    case Form::per_token:
      return "per_token";
    case Form::baseline:
      return "baseline";
    case Form::rope_slice:
      return "rope_slice";
    case Form::rope:
      return "rope";
    case Form::merged:
      return "merged";
  }
  return "";
}

Form form_of(std::string_view name) {
  std::string names;
  for (const Form form : kForms) {
    if (programs::name(form) == name) return form;
    names += (names.empty() ? "" : form == kForms.back() ? " or " : ", ");
    names += programs::name(form);
  }
  throw Error(ErrorKind::usage, "form: expected " + names + ", found " + std::string(name));
}

ProgramOptions options_of(Form form, const ProgramShape& shape) {
  const bool slice = form >= Form::rope_slice;
  const bool assemble = form >= Form::rope;
  const bool merged = form >= Form::merged;
  const bool per_token = form == Form::per_token;
  return {.fused = {.qr_proj = merged,
                    .rope_slice = slice,
                    .rope_assemble = assemble,
                    .qr_hadamard = merged,
                    .score = merged,
                    .compressor_rope_slice = slice,
                    .compressor_rope_assemble = assemble},
          .split = {.qr_proj = SplitMode::up_down,
                    .rope_slice = SplitMode::up_down,
                    .rope_assemble = SplitMode::up_down,
                    .qr_hadamard = SplitMode::up_down,
                    .score = SplitMode::none,
                    .compressor_rope_slice = SplitMode::up_down,
                    .compressor_rope_assemble = SplitMode::none},
          .tiling = tiling_of(form, shape),
          .rope_in_place = per_token,
          .one_query_loop = per_token,
          .score_by_name = per_token,
          .auto_chunk = !per_token};
}

}  // namespace fulgurite::programs
