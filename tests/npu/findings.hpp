#pragma once

#include <string>
#include <vector>

#include "npu/dependences.hpp"
#include "npu/hazards.hpp"

namespace fulgurite::npu {

/// "war_race x read write 2": kind, tensor, scopes, count.
inline std::string text(const Finding& finding) {
  std::string result(name(finding.kind));
  if (!finding.tensor.empty()) result += " " + finding.tensor;
  for (const std::string& scope : finding.scopes) result += " " + scope;
  return result + " " + std::to_string(finding.count);
}
inline std::vector<std::string> texts(const std::vector<Finding>& findings) {
  std::vector<std::string> result;
  for (const Finding& finding : findings) result.push_back(text(finding));
  return result;
}

inline std::vector<Finding> hazards_of(const tile::Trace& trace, const Rules& rules = {}) {
  return hazards(trace, Chip(), rules, dependences(trace, rules.windows));
}
/// Those that are more than a hint.
inline std::vector<std::string> texts_of(const tile::Trace& trace, const Rules& rules = {}) {
  std::vector<Finding> findings = hazards_of(trace, rules);
  std::erase_if(findings,
                [](const Finding& finding) { return severity(finding.kind) == Severity::hint; });
  return texts(findings);
}

}  // namespace fulgurite::npu
