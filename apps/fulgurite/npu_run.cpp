#include <fmt/core.h>

#include <algorithm>
#include <memory>

#include "npu_findings.hpp"
#include "npu_options.hpp"
#include "npu_schedule_text.hpp"
#include "npu_verbs.hpp"
#include "report/table.hpp"
#include "report/text.hpp"
#include "study/scope_memory.hpp"

namespace fulgurite::app {
namespace {

constexpr const char* kNpuRunFooter =
    R"(Traces the program without numbers and prints what every analysis found, on one page. The
other verbs go into each. For the numbers themselves: fulgurite step --platform a2a3.

Examples:
  fulgurite npu run                                    the fused kernels of the seed
  fulgurite npu run --form baseline --start-pos 8189   nothing fused, 2,047 rows visible
  fulgurite npu run --tile split.qr_hadamard=none      without the split that comes out wrong
  fulgurite npu run --preset v4-pro --json)";

double share_of(const npu::SpacePlan& plan) {
  return static_cast<double>(plan.used_bytes) / static_cast<double>(plan.limit_bytes);
}

std::string scopes_table(const std::vector<study::ScopeTimes>& scopes,
                         const std::vector<study::ScopeMemory>& memory) {
  using report::Align;
  report::Table table({{"scope"},
                       {"unit"},
                       {"tasks", Align::right},
                       {"us each", Align::right},
                       {"from us", Align::right},
                       {"to us", Align::right},
                       {"fullest"},
                       {"memory", Align::right},
                       {"", Align::right},
                       {""}});
  for (const study::ScopeTimes& scope : scopes) {
    const npu::SpacePlan* fullest = nullptr;
    for (const study::ScopeMemory& row : memory) {
      if (row.scope != scope.scope) continue;
      if (fullest == nullptr || share_of(*row.plan) > share_of(*fullest)) fullest = row.plan;
    }
    std::vector<std::string> cells{short_name(scope.scope),
                                   std::string(kind_name(scope.kind)),
                                   report::thousands(scope.tasks),
                                   fmt::format("{:.1f}", scope.kernel.us()),
                                   fmt::format("{:.0f}", scope.first_start_us),
                                   fmt::format("{:.0f}", scope.last_end_us)};
    if (fullest != nullptr) {
      cells.emplace_back(name(fullest->space));
      cells.push_back(report::kibibytes(fullest->used_bytes));
      cells.push_back(report::percent(share_of(*fullest)));
      cells.emplace_back(fullest->fits() ? "" : "DOES NOT FIT");
    }
    table.add(cells);
  }
  return table.text();
}

/// All but the hints, a line each.
std::string findings_lines(const std::vector<npu::Finding>& findings) {
  std::string text;
  for (const npu::Finding& finding : findings) {
    const npu::Severity severity = npu::severity(finding.kind);
    if (severity == npu::Severity::hint) continue;
    text += report::wrapped(fmt::format("{}: {}", name(severity), finding_line(finding)), 100, 2);
  }
  return text;
}

void print_run_text(const NpuRun& run) {
  const npu::Analysis& analysis = run.analysis;
  fmt::print("{}\n{}\n", headline(run),
             scopes_table(study::scope_times(run.trace, run.chip, analysis),
                          study::scope_memory(run.trace, analysis)));
  fmt::print("found: {}\n{}\n", findings_summary(analysis.findings),
             findings_lines(analysis.findings));
  fmt::print("{}\nCritical path:\n{}\n", composition_text(analysis.schedule),
             path_text(study::path_runs(run.trace, analysis.schedule)));
  fmt::print(
      "More: `fulgurite npu memory`, `hazards`, `schedule` with the same options; `npu "
      "compare`.\n");
}

void print_run_json(const NpuRun& run) {
  const npu::Analysis& analysis = run.analysis;
  nlohmann::ordered_json json = header_json(run);
  json["subtasks"] = analysis.schedule.subtasks.size();
  json["mix_tasks"] = analysis.schedule.mix_count;
  json["makespan_us"] = analysis.schedule.makespan_us;
  json["spent_us"] = spent_json(study::spent_us(analysis.schedule));
  json["scopes"] = scopes_json(study::scope_times(run.trace, run.chip, analysis));
  json["memory"] = nlohmann::ordered_json::array();
  for (const study::ScopeMemory& row : study::scope_memory(run.trace, analysis)) {
    json["memory"].push_back({{"scope", row.scope},
                              {"space", name(row.plan->space)},
                              {"used_bytes", row.plan->used_bytes},
                              {"limit_bytes", row.plan->limit_bytes},
                              {"ring_bytes", row.plan->ring_bytes}});
  }
  json["findings"] = findings_json(run.trace, analysis.findings);
  json["critical_path"] = path_json(study::path_runs(run.trace, analysis.schedule));
  print(json);
}

int run_all(const NpuOptions& options) {
  const NpuRun run = run_npu(options);
  (options.json ? print_run_json : print_run_text)(run);
  return exit_code(run.analysis);
}

}  // namespace

Verb add_npu_run(Command npu) {
  Command command = npu.add_verb("run", "Everything about one program on one page");
  const auto options = std::make_shared<NpuOptions>();
  add_program_options(command, *options);
  add_step_options(command, *options);
  add_chip_options(command, *options);
  add_json_option(command, *options);
  command.footer(kNpuRunFooter);
  return {command, [options] { return run_all(*options); }};
}

}  // namespace fulgurite::app
