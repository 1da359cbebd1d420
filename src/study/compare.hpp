#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "npu/analysis.hpp"
#include "study/settings.hpp"
#include "study/variant.hpp"

namespace fulgurite::study {

/// What the model predicts of one program. Microseconds; where nothing else is said, on the chip as
/// given.
struct VariantTime {
  Variant variant;
  std::int64_t tasks = 0;
  std::int64_t subtasks = 0;
  std::int64_t mix_tasks = 0;
  std::int64_t errors = 0;          ///< findings of Severity::error: it does not fit, or races
  std::vector<double> makespan_us;  ///< by setting; the first is the chip as given
  double low_us = 0;                ///< of all settings
  double high_us = 0;
  std::array<double, npu::kSpent> spent_us{};  ///< of the makespan, by Spent
  double submission_us = 0;                    ///< all tasks, one after another
  std::optional<double> compressor_start_us;   ///< first kernel of the compressor
  std::optional<double> score_start_us;        ///< first score_store, the chain at the end
  double rope_window_us = 0;  ///< first start to last end of the query's rope kernels
};

/// A setting in which two programs come in another order than on the chip as given.
struct Reversal {
  std::size_t setting = 0;
  std::size_t faster = 0;  ///< on the chip as given
  std::size_t slower = 0;
};

struct Comparison {
  std::vector<Setting> settings;
  std::vector<VariantTime> variants;
  std::vector<Reversal> reversals;  ///< by setting
};

/// Runs each program's schedule in all `settings` of the chip.
Comparison compare(const programs::ProgramShape& shape, std::span<const Variant> variants,
                   const npu::Chip& chip, const npu::Rules& rules);

}  // namespace fulgurite::study
