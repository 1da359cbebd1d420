#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "npu/finding.hpp"

// Findings as people and programs read them.
namespace fulgurite::app {

/// Grouped by severity, each wrapped at 100 columns. Hints are one line each unless `with_hints`.
std::string findings_text(std::span<const npu::Finding> findings, bool with_hints);

/// "2 errors, 3 wrong, 5 warnings, 30 hints"; "nothing" if there are none.
std::string findings_summary(std::span<const npu::Finding> findings);

/// [{"kind", "severity", "tensor", "scopes", "count", "cost_us", "location", "message"}, ..]
nlohmann::ordered_json findings_json(const tile::Trace& trace,
                                     std::span<const npu::Finding> findings);

/// "serial_parallel of score: score_init -> score_store, 15 times, costs 240.8 us"
std::string finding_line(const npu::Finding& finding);

}  // namespace fulgurite::app
