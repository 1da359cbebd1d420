#include <array>

#include "npu/finding.hpp"
#include "npu/kernel_time.hpp"
#include "npu/rules.hpp"
#include "npu/schedule.hpp"

namespace fulgurite::npu {
namespace {

struct FindingFacts {
  std::string_view name;
  Severity severity;
};

/// In the order of FindingKind.
constexpr std::array kFindings = std::to_array<FindingFacts>({
    {"race", Severity::error},
    {"raw_race", Severity::error},
    {"waw_race", Severity::error},
    {"war_race", Severity::error},
    {"undefined_read", Severity::warning},
    {"undefined_output", Severity::wrong},
    {"overflow", Severity::error},
    {"tile_too_large", Severity::error},
    {"ring_deadlock", Severity::error},
    {"task_ring", Severity::error},
    {"short_row", Severity::error},
    {"split_odd", Severity::error},
    {"split_reduction", Severity::error},
    {"split_reshape", Severity::wrong},
    {"split_window", Severity::wrong},
    {"straight_and_transposed", Severity::wrong},
    {"serial_parallel", Severity::warning},
    {"ignored_option", Severity::warning},
    {"short_dma", Severity::hint},
    {"padded_cube", Severity::hint},
    {"conversion", Severity::warning},
    {"negative_dividend", Severity::warning},
    {"undefined_scalar", Severity::warning},
});
static_assert(kFindings.size() == static_cast<std::size_t>(FindingKind::undefined_scalar) + 1);

}  // namespace

std::string_view name(FindingKind kind) { return kFindings[static_cast<std::size_t>(kind)].name; }
Severity severity(FindingKind kind) { return kFindings[static_cast<std::size_t>(kind)].severity; }

std::string_view name(Severity severity) {
  constexpr std::array<std::string_view, 4> kNames{"error", "wrong", "warning", "hint"};
  return kNames[static_cast<std::size_t>(severity)];
}

std::string_view name(Planner planner) {
  constexpr std::array<std::string_view, 3> kNames{"planner_2026_05", "planner_2026_05_strict",
                                                   "planner_2026_08"};
  return kNames[static_cast<std::size_t>(planner)];
}

std::string_view name(WindowPolicy policy) {
  constexpr std::array<std::string_view, 3> kNames{"windows_2026_05", "windows_2026_06_11",
                                                   "windows_2026_06_29"};
  return kNames[static_cast<std::size_t>(policy)];
}

std::string_view name(Spent spent) {
  constexpr std::array<std::string_view, kSpent> kNames{"orchestrator", "scheduler", "waiting",
                                                        "compute"};
  return kNames[static_cast<std::size_t>(spent)];
}

std::string_view name(Pipe pipe) {
  constexpr std::array<std::string_view, kPipes> kNames{"mte2", "mte1",   "cube", "fixpipe",
                                                        "load", "vector", "store"};
  return kNames[static_cast<std::size_t>(pipe)];
}

}  // namespace fulgurite::npu
