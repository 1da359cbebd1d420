#include <fmt/core.h>

#include <memory>
#include <span>

#include "io/atomic_file.hpp"
#include "io/text.hpp"
#include "npu_options.hpp"
#include "npu_schedule_text.hpp"
#include "npu_trace_file.hpp"
#include "npu_verbs.hpp"

namespace fulgurite::app {
namespace {

constexpr const char* kNpuScheduleFooter =
    R"(Runs the tasks on the model of the runtime: one orchestrator submits them one after
another, three scheduler threads dispatch them to 24 cube and 48 vector cores and notice their
ends. The first table has kernel times, of which the pipes work side by side. The second says where
the time of a task goes on average: its submission, waiting for a dependence, for a core, for the
schedulers, and computing; and how much of the makespan the critical path spends in the scope. A
trace file shows cores, orchestrator and schedulers as tracks, and arrows for the dependences.

Examples:
  fulgurite npu schedule
  fulgurite npu schedule --form baseline --trace step.json     open it in https://ui.perfetto.dev
  fulgurite npu schedule --set orchestrator_us=0 --json        what if submitting cost nothing?)";

struct ScheduleOptions {
  NpuOptions npu;
  std::string trace;
};

void write_trace(const std::string& path, const NpuRun& run) {
  const std::string json = perfetto_trace(run.trace, run.chip, run.analysis).json();
  io::AtomicFile file(path);
  file.write(std::as_bytes(std::span(json)));
  file.commit();
}

void print_schedule_text(const ScheduleOptions& options, const NpuRun& run) {
  const npu::Analysis& analysis = run.analysis;
  const auto scopes = study::scope_times(run.trace, run.chip, analysis);
  fmt::print("{}{}\n{}\n", headline(run), composition_text(analysis.schedule),
             kernels_text(scopes));
  fmt::print("Microseconds of a task, on average:\n{}\n",
             shares_text(scopes, analysis.schedule.makespan_us));
  fmt::print("Critical path:\n{}\n", path_text(study::path_runs(run.trace, analysis.schedule)));
  fmt::print("{}", bounds_text(npu::bounds(run.chip, analysis.tasks, analysis.edges)));
  if (!options.trace.empty()) {
    fmt::print("\n{}: open it in https://ui.perfetto.dev\n", io::printable(options.trace));
  }
}

void print_schedule_json(const ScheduleOptions& options, const NpuRun& run) {
  const npu::Analysis& analysis = run.analysis;
  nlohmann::ordered_json json = header_json(run);
  json["subtasks"] = analysis.schedule.subtasks.size();
  json["mix_tasks"] = analysis.schedule.mix_count;
  json["makespan_us"] = analysis.schedule.makespan_us;
  json["spent_us"] = spent_json(study::spent_us(analysis.schedule));
  json["scopes"] = scopes_json(study::scope_times(run.trace, run.chip, analysis));
  json["critical_path"] = path_json(study::path_runs(run.trace, analysis.schedule));
  json["bounds"] = bounds_json(npu::bounds(run.chip, analysis.tasks, analysis.edges));
  if (!options.trace.empty()) json["trace"] = options.trace;
  print(json);
}

int run_schedule(const ScheduleOptions& options) {
  const NpuRun run = run_npu(options.npu);
  if (!options.trace.empty()) write_trace(options.trace, run);
  (options.npu.json ? print_schedule_json : print_schedule_text)(options, run);
  return exit_code(run.analysis);
}

}  // namespace

Verb add_npu_schedule(Command npu) {
  Command command =
      npu.add_verb("schedule", "When which kernel runs where, and what decides the makespan");
  const auto options = std::make_shared<ScheduleOptions>();
  command.option("--trace", options->trace, "FILE",
                 "write the schedule for https://ui.perfetto.dev");
  add_program_options(command, options->npu);
  add_step_options(command, options->npu);
  add_chip_options(command, options->npu);
  add_json_option(command, options->npu);
  command.footer(kNpuScheduleFooter);
  return {command, [options] { return run_schedule(*options); }};
}

}  // namespace fulgurite::app
