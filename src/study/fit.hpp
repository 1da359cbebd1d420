#pragma once

#include <string>
#include <vector>

#include "npu/memory.hpp"
#include "programs/forms.hpp"

namespace fulgurite::study {

/// A change of one option with which a scope fits.
struct Fit {
  std::string option;  ///< as programs::set reads it: "rope_row_chunk=64"
  std::string before;  ///< the value that does not fit
};

/// What would make the scope of that full name fit that memory, found by trying: of each option
/// that cuts its work, the largest smaller value with which all of its kernels do, and have no
/// error of another kind. Empty if none helps.
std::vector<Fit> find_fits(const programs::ProgramShape& shape,
                           const programs::ProgramOptions& options, const std::string& scope,
                           npu::Space space, const npu::Chip& chip, const npu::Rules& rules);

}  // namespace fulgurite::study
