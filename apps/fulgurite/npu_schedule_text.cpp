#include "npu_schedule_text.hpp"

#include <fmt/format.h>

#include "npu_options.hpp"
#include "report/table.hpp"
#include "report/text.hpp"

namespace fulgurite::app {
namespace {

using report::Align;
using study::PathRun;
using study::ScopeTimes;

/// "12.3", or nothing for nothing.
std::string us_text(double us) { return us < 0.05 ? "" : fmt::format("{:.1f}", us); }

std::string pipe_text(const ScopeTimes& scope, npu::Pipe pipe) {
  return us_text(scope.kernel.busy_us[static_cast<std::size_t>(pipe)]);
}

std::string scopes_text(const std::vector<std::string>& scopes) {
  std::string text;
  for (const std::string& scope : scopes) {
    if (!text.empty()) text += ", ";
    text += short_name(scope);
  }
  return text;
}

std::string_view spent_name(std::size_t spent) { return name(static_cast<npu::Spent>(spent)); }

}  // namespace

std::string kernels_text(const std::vector<ScopeTimes>& scopes) {
  using npu::Pipe;
  report::Table table({{"scope"},

                       {"tasks", Align::right},
                       {"sub", Align::right},
                       {"cores", Align::right},
                       {"us", Align::right},
                       {"mte2", Align::right},
                       {"mte1", Align::right},
                       {"cube", Align::right},
                       {"fix", Align::right},
                       {"load", Align::right},
                       {"vec", Align::right},
                       {"store", Align::right}});
  for (const ScopeTimes& scope : scopes) {
    table.add({short_name(scope.scope), report::thousands(scope.tasks),
               report::thousands(scope.subtasks), report::thousands(scope.cores),
               fmt::format("{:.1f}", scope.kernel.us()), pipe_text(scope, Pipe::mte2),
               pipe_text(scope, Pipe::mte1), pipe_text(scope, Pipe::cube),
               pipe_text(scope, Pipe::fixpipe), pipe_text(scope, Pipe::load),
               pipe_text(scope, Pipe::vector), pipe_text(scope, Pipe::store)});
  }
  return table.text();
}

std::string shares_text(const std::vector<ScopeTimes>& scopes, double makespan_us) {
  report::Table table({{"scope"},
                       {"from us", Align::right},
                       {"to us", Align::right},
                       {"submit", Align::right},
                       {"depend", Align::right},
                       {"core", Align::right},
                       {"sched", Align::right},
                       {"compute", Align::right},
                       {"on path", Align::right},
                       {"", Align::right}});
  for (const ScopeTimes& scope : scopes) {
    double path_us = 0;
    for (const double us : scope.path_us) path_us += us;
    table.add({short_name(scope.scope), fmt::format("{:.0f}", scope.first_start_us),
               fmt::format("{:.0f}", scope.last_end_us), us_text(scope.task.orchestrator_us),
               us_text(scope.task.dependence_us), us_text(scope.task.core_us),
               us_text(scope.task.scheduler_us), us_text(scope.task.compute_us), us_text(path_us),
               path_us == 0 ? "" : report::percent(path_us / makespan_us)});
  }
  return table.text();
}

std::string composition_text(const npu::Schedule& schedule) {
  const auto spent = study::spent_us(schedule);
  std::string text = fmt::format("makespan {:.0f} us: ", schedule.makespan_us);
  for (std::size_t i = 0; i < spent.size(); ++i) {
    text += fmt::format("{}{} {:.0f} us ({})", i == 0 ? "" : ", ", spent_name(i), spent[i],
                        report::percent(spent[i] / std::max(schedule.makespan_us, 1e-9)));
  }
  return report::wrapped(text, 100);
}

std::string path_text(const std::vector<PathRun>& runs) {
  report::Table table({{"from us", Align::right},
                       {"to us", Align::right},
                       {"tasks", Align::right},
                       {"orchestrator", Align::right},
                       {"scheduler", Align::right},
                       {"waiting", Align::right},
                       {"compute", Align::right},
                       {"scope"}});
  for (const PathRun& run : runs) {
    table.add({fmt::format("{:.1f}", run.from_us), fmt::format("{:.1f}", run.to_us),
               report::thousands(run.tasks), us_text(run.spent_us[0]), us_text(run.spent_us[1]),
               us_text(run.spent_us[2]), us_text(run.spent_us[3]),
               scopes_text(run.scopes) +
                   (run.turns > 1 ? fmt::format(" in turn, {} times", run.turns) : "")});
  }
  return table.text();
}

std::string bounds_text(const npu::Bounds& bounds) {
  report::Table table({{"if only this counted"}, {"us", Align::right}});
  const auto add = [&](const char* what, double us) {
    table.add({what, fmt::format("{:.0f}", us)});
  };
  add("the schedule, with a runtime that costs nothing", bounds.no_runtime_us);
  add("the schedule, with cores for every subtask", bounds.infinite_cores_us);
  add("submitting all tasks", bounds.orchestrator_us);
  add("the longest path of kernels", bounds.compute_path_us);
  add("all bytes at the rate of the die's memory", bounds.memory_us);
  return table.text();
}

nlohmann::ordered_json spent_json(const std::array<double, npu::kSpent>& spent_us) {
  nlohmann::ordered_json json;
  for (std::size_t i = 0; i < spent_us.size(); ++i) json[std::string(spent_name(i))] = spent_us[i];
  return json;
}

nlohmann::ordered_json scopes_json(const std::vector<ScopeTimes>& scopes) {
  auto json = nlohmann::ordered_json::array();
  for (const ScopeTimes& scope : scopes) {
    nlohmann::ordered_json busy;
    for (std::size_t pipe = 0; pipe < npu::kPipes; ++pipe) {
      busy[std::string(name(static_cast<npu::Pipe>(pipe)))] = scope.kernel.busy_us[pipe];
    }
    json.push_back({{"scope", scope.scope},
                    {"unit", kind_name(scope.kind)},
                    {"tasks", scope.tasks},
                    {"subtasks", scope.subtasks},
                    {"cores", scope.cores},
                    {"kernel_us", scope.kernel.us()},
                    {"cube_us", scope.kernel.cube_us},
                    {"vector_us", scope.kernel.vector_us},
                    {"busy_us", busy},
                    {"gm_bytes", scope.kernel.gm_bytes},
                    {"first_start_us", scope.first_start_us},
                    {"last_end_us", scope.last_end_us},
                    {"task_us",
                     {{"orchestrator", scope.task.orchestrator_us},
                      {"dependence", scope.task.dependence_us},
                      {"core", scope.task.core_us},
                      {"scheduler", scope.task.scheduler_us},
                      {"compute", scope.task.compute_us}}},
                    {"path_us", spent_json(scope.path_us)}});
  }
  return json;
}

nlohmann::ordered_json path_json(const std::vector<PathRun>& runs) {
  auto json = nlohmann::ordered_json::array();
  for (const PathRun& run : runs) {
    json.push_back({{"scopes", run.scopes},
                    {"tasks", run.tasks},
                    {"turns", run.turns},
                    {"from_us", run.from_us},
                    {"to_us", run.to_us},
                    {"spent_us", spent_json(run.spent_us)}});
  }
  return json;
}

nlohmann::ordered_json bounds_json(const npu::Bounds& bounds) {
  return {{"no_runtime_us", bounds.no_runtime_us},
          {"infinite_cores_us", bounds.infinite_cores_us},
          {"orchestrator_us", bounds.orchestrator_us},
          {"compute_path_us", bounds.compute_path_us},
          {"memory_us", bounds.memory_us}};
}

}  // namespace fulgurite::app
