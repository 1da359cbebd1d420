#include "npu_findings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "npu_options.hpp"
#include "report/text.hpp"

namespace fulgurite::app {
namespace {

using npu::Finding;
using npu::Severity;

constexpr std::size_t kFindingWidth = 100;
constexpr double kLeastCostUs = 0.05;  ///< that is worth a word
constexpr std::array kSeverities{Severity::error, Severity::wrong, Severity::warning,
                                 Severity::hint};

std::string title(Severity severity, std::int64_t count) {
  switch (severity) {
    case Severity::error:
      return report::count_of(count, "error") + ": the program does not work";
    case Severity::wrong:
      return fmt::format("{} wrong: the tools say nothing, and the result is not what was meant",
                         count);
    case Severity::warning:
      return report::count_of(count, "warning") + ": slow, or without a meaning";
    case Severity::hint:
      return report::count_of(count, "hint");
  }
  return "";
}

std::vector<Finding> of_severity(std::span<const Finding> findings, Severity wanted) {
  std::vector<Finding> found;
  std::ranges::copy_if(findings, std::back_inserter(found),
                       [&](const Finding& finding) { return severity(finding.kind) == wanted; });
  return found;
}

/// "score_init -> score_store"
std::string scopes_text(const Finding& finding) {
  std::vector<std::string> scopes;
  for (const std::string& scope : finding.scopes) scopes.push_back(short_name(scope));
  scopes.erase(std::unique(scopes.begin(), scopes.end()), scopes.end());
  return fmt::format("{}", fmt::join(scopes, " -> "));
}

}  // namespace

std::string finding_line(const Finding& finding) {
  std::string line(name(finding.kind));
  if (!finding.tensor.empty()) line += fmt::format(" of {}", finding.tensor);
  if (!finding.scopes.empty()) line += fmt::format(": {}", scopes_text(finding));
  if (finding.count != 1) line += fmt::format(", {} times", report::thousands(finding.count));
  if (finding.cost_us >= kLeastCostUs) line += fmt::format(", costs {:.1f} us", finding.cost_us);
  return line;
}

std::string findings_text(std::span<const Finding> findings, bool with_hints) {
  std::string text;
  for (const Severity severity : kSeverities) {
    const std::vector<Finding> group = of_severity(findings, severity);
    if (group.empty()) continue;
    if (!text.empty()) text += "\n";
    text += title(severity, static_cast<std::int64_t>(group.size()));
    const bool is_short = severity == Severity::hint && !with_hints;
    text += is_short ? " (--hints explains them)\n" : "\n";
    for (const Finding& finding : group) {
      if (!is_short) text += "\n";
      text += report::wrapped(finding_line(finding), kFindingWidth, 2);
      if (!is_short) text += report::wrapped(finding.message, kFindingWidth, 4);
    }
  }
  return text;
}

std::string findings_summary(std::span<const Finding> findings) {
  std::string text;
  for (const Severity severity : kSeverities) {
    const auto count = static_cast<std::int64_t>(of_severity(findings, severity).size());
    if (count == 0) continue;
    text += text.empty() ? "" : ", ";
    const std::string noun(name(severity));
    text += severity == Severity::wrong ? std::to_string(count) + " " + noun
                                        : report::count_of(count, noun);
  }
  return text.empty() ? "nothing" : text;
}

nlohmann::ordered_json findings_json(const tile::Trace& trace, std::span<const Finding> findings) {
  auto json = nlohmann::ordered_json::array();
  for (const Finding& finding : findings) {
    json.push_back(
        {{"kind", name(finding.kind)},
         {"severity", name(severity(finding.kind))},
         {"tensor", finding.tensor},
         {"scopes", finding.scopes},
         {"count", finding.count},
         {"cost_us", finding.cost_us},
         {"location", finding.location.valid() ? to_string(trace[finding.location]) : ""},
         {"message", finding.message}});
  }
  return json;
}

}  // namespace fulgurite::app
