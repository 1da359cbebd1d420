#include "npu/chip.hpp"

#include <array>
#include <charconv>
#include <cmath>

#include "fulgurite/error.hpp"
#include "npu/rules.hpp"

namespace fulgurite::npu {
namespace {

constexpr std::array kConstants = std::to_array<Constant>({
    {"clusters", &Chip::clusters, "clusters", 24, 24, Confidence::measured,
     "simpler src/a2a3/docs/hardware.md"},
    {"aiv_per_cluster", &Chip::aiv_per_cluster, "AIV", 2, 2, Confidence::measured,
     "simpler src/a2a3/docs/hardware.md"},
    {"schedulers", &Chip::schedulers, "threads", 3, 3, Confidence::measured,
     "simpler src/a2a3/docs/hardware.md"},
    {"clock_mhz", &Chip::clock_mhz, "MHz", 1500, 1850, Confidence::code,
     "arch_config.hpp; 1800: B2, B3; 1500: B4"},
    {"l1_bytes", &Chip::l1_bytes, "B", 524288, 524288, Confidence::code,
     "pypto src/backend/common/soc.cpp"},
    {"l0a_bytes", &Chip::l0a_bytes, "B", 65536, 65536, Confidence::code,
     "pypto src/backend/common/soc.cpp"},
    {"l0b_bytes", &Chip::l0b_bytes, "B", 65536, 65536, Confidence::code,
     "pypto src/backend/common/soc.cpp"},
    {"l0c_bytes", &Chip::l0c_bytes, "B", 131072, 131072, Confidence::code,
     "pypto src/backend/common/soc.cpp"},
    {"vec_bytes", &Chip::vec_bytes, "B", 188416, 196608, Confidence::code,
     "pypto soc.cpp; PR #1804 of 2026-06-17"},
    {"l0_align_bytes", &Chip::l0_align_bytes, "B", 64, 64, Confidence::code,
     "pypto src/backend/common/soc.cpp"},
    {"l1_align_bytes", &Chip::l1_align_bytes, "B", 128, 128, Confidence::code,
     "pypto src/backend/common/soc.cpp"},
    {"l0c_align_bytes", &Chip::l0c_align_bytes, "B", 128, 128, Confidence::code,
     "pypto src/backend/common/soc.cpp"},
    {"vec_align_bytes", &Chip::vec_align_bytes, "B", 128, 128, Confidence::code,
     "pypto src/backend/common/soc.cpp"},
    {"acc_rows_align", &Chip::acc_rows_align, "rows", 16, 16, Confidence::code,
     "pypto backend_910b_handler.h GetL0cMAlignment"},
    {"acc_rows_align_int32", &Chip::acc_rows_align_int32, "rows", 32, 32, Confidence::code,
     "pypto backend_910b_handler.h GetL0cMAlignment"},
    {"vec_row_bytes", &Chip::vec_row_bytes, "B", 32, 32, Confidence::code,
     "pypto issues #1864, #1820"},
    {"dma_line_bytes", &Chip::dma_line_bytes, "B", 512, 512, Confidence::code, "pypto hint PH001"},
    {"reduce_scratch_cols", &Chip::reduce_scratch_cols, "columns", 128, 128, Confidence::code,
     "pypto op_conversion_registry.cpp"},
    {"ring_slots", &Chip::ring_slots, "slots", 2, 8, Confidence::code,
     "pypto; PR #2378 of 2026-08-16"},
    {"ring_slots_two_way", &Chip::ring_slots_two_way, "slots", 2, 4, Confidence::code,
     "pypto; PR #2378 of 2026-08-16"},
    {"orchestrator_us", &Chip::orchestrator_us, "us", 0.87, 1.3, Confidence::measured,
     "simpler device_log_profiling.md"},
    {"dispatch_us", &Chip::dispatch_us, "us", 0.14, 1, Confidence::derived,
     "simpler mmio-performance.md"},
    {"completion_us", &Chip::completion_us, "us", 0.18, 1, Confidence::measured,
     "simpler docs/hardware/mmio-performance.md"},
    {"start_us", &Chip::start_us, "us", 0.2, 2, Confidence::measured,
     "simpler sched-overhead-model.md: 0.2-0.5 warm"},
    {"pending_per_core", &Chip::pending_per_core, "tasks", 1, 1, Confidence::code,
     "simpler pto_runtime2_types.h"},
    {"task_window", &Chip::task_window, "slots", 16384, 16384, Confidence::code,
     "simpler pto_runtime2_types.h"},
    {"gm_start_cycles", &Chip::gm_start_cycles, "cycles", 50, 200, Confidence::assumed,
     "perf_sim/config.hpp: L2 hit, miss"},
    {"gm_to_ub_bytes_per_cycle", &Chip::gm_to_ub_bytes_per_cycle, "B/cycle", 58.6, 58.6,
     Confidence::code, "pto-isa arch_config.hpp, flat"},
    {"gm_to_l1_bytes_per_cycle", &Chip::gm_to_l1_bytes_per_cycle, "B/cycle", 78.4, 78.4,
     Confidence::code, "pto-isa arch_config.hpp, flat"},
    {"ub_to_gm_bytes_per_cycle", &Chip::ub_to_gm_bytes_per_cycle, "B/cycle", 109.4, 109.4,
     Confidence::code, "pto-isa arch_config.hpp, flat"},
    {"l1_to_l0a_bytes_per_cycle", &Chip::l1_to_l0a_bytes_per_cycle, "B/cycle", 129.7, 256,
     Confidence::measured, "device sweep; pto-isa"},
    {"l1_to_l0b_bytes_per_cycle", &Chip::l1_to_l0b_bytes_per_cycle, "B/cycle", 85.4, 128,
     Confidence::measured, "device sweep; pto-isa"},
    {"die_gb_per_s", &Chip::die_gb_per_s, "GB/s", 1600, 1600, Confidence::assumed,
     "public figure of the HBM"},
    {"fixpipe_fixed_cycles", &Chip::fixpipe_fixed_cycles, "cycles", 164, 164, Confidence::measured,
     "pypto backend_handler.h L0CostModel"},
    {"fixpipe_row_cycles", &Chip::fixpipe_row_cycles, "cycles/row", 4.45, 4.45,
     Confidence::measured, "pypto backend_handler.h L0CostModel"},
    {"fixpipe_row_bytes_per_cycle", &Chip::fixpipe_row_bytes_per_cycle, "B/cycle", 118, 118,
     Confidence::measured, "pypto backend_handler.h L0CostModel"},
    {"fixpipe_bytes_per_cycle", &Chip::fixpipe_bytes_per_cycle, "B/cycle", 40.6, 40.6,
     Confidence::code, "pto-isa arch_config.hpp, flat"},
    {"fixpipe_odd_row_cycles", &Chip::fixpipe_odd_row_cycles, "cycles/row", 2.6, 2.6,
     Confidence::measured, "pypto backend_handler.h L0CostModel"},
    {"mad_head_cycles", &Chip::mad_head_cycles, "cycles", 6, 21, Confidence::measured,
     "pypto L0CostModel; 6: pto-isa"},
    {"mad_step_cycles", &Chip::mad_step_cycles, "cycles", 1, 1, Confidence::measured,
     "pypto backend_handler.h L0CostModel"},
    {"repeat_bytes", &Chip::repeat_bytes, "B", 256, 256, Confidence::code, "pto-isa cost model"},
    {"partial_repeat_cycles", &Chip::partial_repeat_cycles, "cycles", 16, 16, Confidence::measured,
     "pto-isa cost model"},
    {"add_slope", &Chip::add_slope, "cycles/repeat", 2.11, 2.11, Confidence::measured,
     "pto-isa cost model"},
    {"add_fixed", &Chip::add_fixed, "cycles", 24, 24, Confidence::measured, "pto-isa cost model"},
    {"mul_slope", &Chip::mul_slope, "cycles/repeat", 2, 2, Confidence::measured,
     "pto-isa cost model"},
    {"mul_fixed", &Chip::mul_fixed, "cycles", 25, 25, Confidence::measured, "pto-isa cost model"},
    {"max_slope", &Chip::max_slope, "cycles/repeat", 2.01, 2.01, Confidence::measured,
     "pto-isa cost model"},
    {"max_fixed", &Chip::max_fixed, "cycles", 23, 23, Confidence::measured, "pto-isa cost model"},
    {"div_slope", &Chip::div_slope, "cycles/repeat", 4.03, 4.03, Confidence::measured,
     "pto-isa cost model"},
    {"div_fixed", &Chip::div_fixed, "cycles", 31, 31, Confidence::measured, "pto-isa cost model"},
    {"mul_scalar_slope", &Chip::mul_scalar_slope, "cycles/repeat", 1, 1, Confidence::measured,
     "pto-isa cost model"},
    {"mul_scalar_fixed", &Chip::mul_scalar_fixed, "cycles", 26, 26, Confidence::measured,
     "pto-isa cost model"},
    {"max_scalar_slope", &Chip::max_scalar_slope, "cycles/repeat", 1, 1, Confidence::measured,
     "pto-isa cost model"},
    {"max_scalar_fixed", &Chip::max_scalar_fixed, "cycles", 23, 23, Confidence::measured,
     "pto-isa cost model"},
    {"add_scalar_slope", &Chip::add_scalar_slope, "cycles/repeat", 1, 1, Confidence::code,
     "pto-isa cost model"},
    {"add_scalar_fixed", &Chip::add_scalar_fixed, "cycles", 31, 31, Confidence::code,
     "pto-isa cost model"},
    {"abs_slope", &Chip::abs_slope, "cycles/repeat", 1, 1, Confidence::code, "pto-isa cost model"},
    {"abs_fixed", &Chip::abs_fixed, "cycles", 29, 29, Confidence::code, "pto-isa cost model"},
    {"exp_slope", &Chip::exp_slope, "cycles/repeat", 2, 2, Confidence::measured,
     "pto-isa cost model"},
    {"exp_fixed", &Chip::exp_fixed, "cycles", 31, 31, Confidence::measured, "pto-isa cost model"},
    {"cast_slope", &Chip::cast_slope, "cycles/repeat", 2, 2, Confidence::assumed,
     "pto-isa cost model; a placeholder there"},
    {"cast_fixed", &Chip::cast_fixed, "cycles", 32, 32, Confidence::assumed,
     "pto-isa cost model; a placeholder there"},
    {"full_slope", &Chip::full_slope, "cycles/repeat", 1, 1, Confidence::code,
     "pto-isa cost model"},
    {"full_fixed", &Chip::full_fixed, "cycles", 24, 24, Confidence::code, "pto-isa cost model"},
    {"select_slope", &Chip::select_slope, "cycles/repeat", 2, 2, Confidence::code,
     "pto-isa cost model"},
    {"select_fixed", &Chip::select_fixed, "cycles", 27, 27, Confidence::code, "pto-isa cost model"},
    {"gather_mask_slope", &Chip::gather_mask_slope, "cycles/repeat", 14, 14, Confidence::code,
     "pto-isa cost model"},
    {"gather_mask_fixed", &Chip::gather_mask_fixed, "cycles", 34, 34, Confidence::code,
     "pto-isa cost model"},
    {"row_reduce_cycles", &Chip::row_reduce_cycles, "cycles/row", 7, 7, Confidence::code,
     "pto-isa fit table"},
    {"row_reduce_cycles_128", &Chip::row_reduce_cycles_128, "cycles/row", 8, 8, Confidence::code,
     "pto-isa fit table"},
    {"row_reduce_fixed_32", &Chip::row_reduce_fixed_32, "cycles", 47, 47, Confidence::code,
     "pto-isa fit table"},
    {"row_reduce_fixed_64", &Chip::row_reduce_fixed_64, "cycles", 32, 32, Confidence::code,
     "pto-isa fit table"},
    {"row_reduce_fixed_128", &Chip::row_reduce_fixed_128, "cycles", 48, 48, Confidence::code,
     "pto-isa fit table"},
    {"row_reduce_element_cycles", &Chip::row_reduce_element_cycles, "cycles", 0.042, 0.06,
     Confidence::code, "pto-isa fit table"},
    {"row_reduce_element_fixed", &Chip::row_reduce_element_fixed, "cycles", 80, 130,
     Confidence::code, "pto-isa fit table"},
    {"row_sum_extra", &Chip::row_sum_extra, "cycles", 12, 12, Confidence::code,
     "pto-isa fit table"},
    {"expand_cycles", &Chip::expand_cycles, "cycles", 18, 18, Confidence::code,
     "pto-isa cost model"},
    {"gather_row_cycles", &Chip::gather_row_cycles, "cycles/row", 46.6, 46.6, Confidence::measured,
     "pto-isa cost model"},
    {"gather_fixed", &Chip::gather_fixed, "cycles", 24, 24, Confidence::measured,
     "pto-isa cost model"},
    {"sort32_cycles", &Chip::sort32_cycles, "cycles", 2, 2, Confidence::assumed,
     "pto-isa cost model; a placeholder there, a lower bound"},
    {"sort32_fixed", &Chip::sort32_fixed, "cycles", 6, 6, Confidence::assumed,
     "pto-isa cost model; a placeholder there"},
    {"mrgsort_cycles", &Chip::mrgsort_cycles, "cycles", 78, 78, Confidence::measured,
     "pto-isa cost model; for runs of 64 only"},
    {"mrgsort_fixed", &Chip::mrgsort_fixed, "cycles", 20, 20, Confidence::measured,
     "pto-isa cost model; for runs of 64 only"},
});

/// What values the model can work with.
struct Limits {
  bool is_whole = false;
  double least = 0;
  double most = 0;
};

Limits limits_of(const Constant& constant) {
  constexpr std::array kCounts{"clusters", "AIV", "threads", "rows", "columns", "slots"};
  constexpr double kMostBytes = 0x1p40;
  constexpr double kMostOthers = 65'536;
  constexpr double kMostCost = 1e9;
  constexpr double kLeastRate = 1e-3;
  const std::string_view unit = constant.unit;
  if (unit == "B") return {.is_whole = true, .least = 1, .most = kMostBytes};
  if (unit == "tasks") return {.is_whole = true, .least = 0, .most = kMostOthers};
  for (const std::string_view count : kCounts) {
    if (unit == count) return {.is_whole = true, .least = 1, .most = kMostOthers};
  }
  // Costs may be nothing, rates may not.
  const bool is_cost = unit == "us" || unit.starts_with("cycles");
  return {.is_whole = false, .least = is_cost ? 0 : kLeastRate, .most = kMostCost};
}

std::string text_of(double value) {
  std::array<char, 32> digits{};
  const auto written = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  return {digits.data(), written.ptr};
}

double number_of(const Constant& constant, std::string_view digits) {
  double value = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, value);
  const Limits limits = limits_of(constant);
  const bool is_number = error == std::errc() && stop == end && std::isfinite(value);
  const bool is_kind = is_number && (!limits.is_whole || value == std::floor(value));
  if (is_kind && value >= limits.least && value <= limits.most) return value;
  throw Error(ErrorKind::usage, "--set " + std::string(constant.name) + ": expected a " +
                                    (limits.is_whole ? "whole number" : "number") + " from " +
                                    text_of(limits.least) + " to " + text_of(limits.most) +
                                    ", found '" + std::string(digits) + "'");
}

}  // namespace

std::span<const Constant> constants() { return kConstants; }

std::string_view name(Confidence confidence) {
  constexpr std::array<std::string_view, 4> kNames{"measured", "code", "derived", "assumed"};
  return kNames[static_cast<std::size_t>(confidence)];
}

void set(Chip& chip, std::string_view assignment) {
  const std::size_t equals = assignment.find('=');
  if (equals == std::string_view::npos) {
    throw Error(ErrorKind::usage,
                "--set: expected NAME=VALUE, found '" + std::string(assignment) + "'");
  }
  const std::string_view wanted = assignment.substr(0, equals);
  for (const Constant& constant : kConstants) {
    if (constant.name != wanted) continue;
    chip.*constant.member = number_of(constant, assignment.substr(equals + 1));
    return;
  }
  throw Error(ErrorKind::usage, "--set: there is no constant '" + std::string(wanted) + "'");
}

}  // namespace fulgurite::npu
