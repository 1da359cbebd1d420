#include "npu/hazards.hpp"

#include <algorithm>
#include <iterator>
#include <tuple>

#include "npu/checks.hpp"

namespace fulgurite::npu {

std::vector<Finding> hazards(const tile::Trace& trace, const Chip& chip, const Rules& rules,
                             std::span<const Edge> edges, const LostTime& lost) {
  std::vector<Finding> findings;
  const auto add = [&](std::vector<Finding> found) {
    std::move(found.begin(), found.end(), std::back_inserter(findings));
  };
  add(find_races(trace, Reachability(trace.tasks.size(), edges)));
  add(find_undefined_reads(trace));
  add(findings_of_run(trace));
  add(find_serial_loops(trace, edges, rules.windows, lost));
  add(find_full_task_ring(trace, chip));
  add(find_split_defects(trace));
  add(find_short_rows(trace, chip));
  add(find_ignored_options(trace));
  const auto order = [](const Finding& finding) {
    return std::tuple(severity(finding.kind), finding.location);
  };
  std::stable_sort(findings.begin(), findings.end(),
                   [&](const Finding& a, const Finding& b) { return order(a) < order(b); });
  return findings;
}

}  // namespace fulgurite::npu
