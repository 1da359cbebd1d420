#include <fmt/core.h>

#include <memory>

#include "npu_findings.hpp"
#include "npu_options.hpp"
#include "npu_verbs.hpp"

namespace fulgurite::app {
namespace {

constexpr const char* kNpuHazardsFooter =
    R"(Looks for races, reads of what nobody wrote, edges that make the iterations of a parallel
loop wait for each other (with what the schedule loses by them), splits that come out wrong,
kernels that do not fit or wait for themselves, short rows, and options that do nothing. Exit code
5 if there is an error: the program does not fit or races.

Examples:
  fulgurite npu hazards                       what the fused kernels of the seed do wrong
  fulgurite npu hazards --form per_token      the rope loop that looks parallel and is not
  fulgurite npu hazards --windows june        the compiler of 2026-06-11 narrows more arguments
  fulgurite npu hazards --hints --json)";

struct HazardOptions {
  NpuOptions npu;
  bool hints = false;
};

int run_hazards(const HazardOptions& options) {
  const NpuRun run = run_npu(options.npu);
  const auto& findings = run.analysis.findings;
  if (options.npu.json) {
    nlohmann::ordered_json json = header_json(run);
    json["findings"] = findings_json(run.trace, findings);
    print(json);
  } else {
    fmt::print("{}\n{}", headline(run), findings_text(findings, options.hints));
    fmt::print("{}{}\n", findings.empty() ? "" : "\n", findings_summary(findings));
  }
  return exit_code(run.analysis);
}

}  // namespace

Verb add_npu_hazards(Command npu) {
  Command command =
      npu.add_verb("hazards", "Races, serial loops, wrong splits, and what they cost");
  const auto options = std::make_shared<HazardOptions>();
  add_program_options(command, options->npu);
  add_step_options(command, options->npu);
  add_chip_options(command, options->npu);
  command.flag("--hints", options->hints, "explain the hints, too");
  add_json_option(command, options->npu);
  command.footer(kNpuHazardsFooter);
  return {command, [options] { return run_hazards(*options); }};
}

}  // namespace fulgurite::app
