#pragma once

#include <string>
#include <string_view>

#include "programs/forms.hpp"

namespace fulgurite::study {

/// A program that one looks at: a form, perhaps with changes.
struct Variant {
  std::string name;  ///< "merged", or "merged:rope_row_chunk=32,split.score=up_down"
  programs::Form form = programs::Form::merged;
  programs::ProgramOptions options;
};

/// Reads such a name; see programs::set. Throws Error(usage) for a form or an option that does not
/// exist, for one that does not suit the shape, and for a step that is too large to analyse: the
/// runtime's edges grow with the square of the tasks.
Variant variant_of(std::string_view name, const programs::ProgramShape& shape);

}  // namespace fulgurite::study
