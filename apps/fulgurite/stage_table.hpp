#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fulgurite/indexer.hpp"
#include "fulgurite/platform.hpp"

namespace fulgurite::app {

/// What all threads together can do at most: N times what one of them was measured to do.
struct Ceilings {
  double int8_macs = 0;   ///< per second
  double bf16_macs = 0;   ///< per second
  double fp32_adds = 0;   ///< per second
  double read_bytes = 0;  ///< per second, of a working set as large as the step's
};

/// Measures now; takes some tenths of a second.
Ceilings measure_ceilings(Isa isa, int threads, std::int64_t working_set_bytes);

/// The higher of each.
Ceilings highest(const Ceilings& a, const Ceilings& b);

/// What bounds a stage from below.
enum class Bound { none, int8, bf16, adds, reads };
/// "int8 multiply-adds", "reads"; "" for none.
std::string_view bound_name(Bound bound);

/// The least time that a stage could take: that of its multiply-adds and additions at the ceilings,
/// or that of its bytes, whichever is longer. A stage that counts no arithmetic has no floor (cost
/// 0, Bound::none).
struct Floor {
  double seconds = 0;
  Bound bound = Bound::none;
};
Floor floor_of(const StageReport& stage, const Ceilings& ceilings);

/// The middle one; of an even number the upper of the two. `values` is not empty.
double median(std::vector<double> values);

/// Of each time, the median over the runs; of work, the last run's.
StepReport median(std::span<const StepReport> runs);

/// The sum of the stages' floors over the step's time.
double share_of_floors(const StepReport& report, const Ceilings& ceilings);

/// Stage, time, work, rate, share of the ceiling; the step's line last.
std::string stage_table(const StepReport& report, const Ceilings& ceilings);

/// As stages_json, each with "floor_seconds".
nlohmann::ordered_json stages_json(const StepReport& report, const Ceilings& ceilings);

}  // namespace fulgurite::app
