#include "study/scope_times.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace fulgurite::study {
namespace {

using namespace npu;

/// The subtasks of one task: those of its block that was seen last, and of all when it began.
struct TaskSubtasks {
  const Subtask* last = nullptr;
  double last_dispatched_us = 0;  ///< of the parts of that block
};

std::vector<TaskSubtasks> last_subtasks(std::size_t tasks, const Schedule& schedule) {
  std::vector<TaskSubtasks> result(tasks);
  for (const Subtask& subtask : schedule.subtasks) {
    const Subtask*& last = result[subtask.task.index()].last;
    if (last == nullptr || subtask.seen_us > last->seen_us) last = &subtask;
  }
  for (const Subtask& subtask : schedule.subtasks) {
    TaskSubtasks& of = result[subtask.task.index()];
    if (subtask.block != of.last->block) continue;
    of.last_dispatched_us = std::max(of.last_dispatched_us, subtask.dispatched_us);
  }
  return result;
}

TaskTime time_of(const Chip& chip, const Schedule& schedule, std::size_t task,
                 const TaskSubtasks& subtasks) {
  const Subtask& last = *subtasks.last;
  const double ready_us = schedule.ready_us[task];
  const double idle_start_us = subtasks.last_dispatched_us + chip.dispatch_us + chip.start_us;
  TaskTime time;
  time.orchestrator_us = chip.orchestrator_us;
  time.dependence_us = ready_us - schedule.submitted_us[task];
  time.core_us = std::max(0.0, last.core_free_us - ready_us) +
                 std::max(0.0, last.start_us - std::max(idle_start_us, ready_us));
  time.compute_us = last.end_us - last.start_us;
  time.scheduler_us = schedule.done_us[task] - ready_us - time.core_us - time.compute_us;
  return time;
}

void add(TaskTime& sum, const TaskTime& time) {
  sum.orchestrator_us += time.orchestrator_us;
  sum.dependence_us += time.dependence_us;
  sum.core_us += time.core_us;
  sum.scheduler_us += time.scheduler_us;
  sum.compute_us += time.compute_us;
}

void add(KernelTime& sum, const KernelTime& time) {
  sum.cube_us += time.cube_us;
  sum.vector_us += time.vector_us;
  for (std::size_t pipe = 0; pipe < kPipes; ++pipe) sum.busy_us[pipe] += time.busy_us[pipe];
  sum.gm_bytes += time.gm_bytes;
}

/// Sums become means.
void divide(ScopeTimes& scope) {
  const auto tasks = static_cast<double>(scope.tasks);
  for (double* const sum :
       {&scope.task.orchestrator_us, &scope.task.dependence_us, &scope.task.core_us,
        &scope.task.scheduler_us, &scope.task.compute_us, &scope.kernel.cube_us,
        &scope.kernel.vector_us, &scope.kernel.gm_bytes}) {
    *sum /= tasks;
  }
  for (double& us : scope.kernel.busy_us) us /= tasks;
}

}  // namespace

std::vector<ScopeTimes> scope_times(const tile::Trace& trace, const Chip& chip,
                                    const Analysis& analysis) {
  const Schedule& schedule = analysis.schedule;
  const auto last = last_subtasks(trace.tasks.size(), schedule);
  std::vector<ScopeTimes> scopes;
  std::map<std::string, std::size_t> known;
  std::vector<std::size_t> scope_of;
  for (std::size_t i = 0; i < trace.tasks.size(); ++i) {
    const tile::Task& task = trace.tasks[i];
    const std::string name = full_name(trace, task.scope);
    const auto [place, is_new] = known.try_emplace(name, scopes.size());
    if (is_new) {
      scopes.emplace_back();
      scopes.back().scope = name;
      scopes.back().kind = task.kind;
      scopes.back().first_start_us = schedule.makespan_us;
    }
    scope_of.push_back(place->second);
    ScopeTimes& scope = scopes[place->second];
    ++scope.tasks;
    add(scope.kernel, analysis.tasks[i].time);
    add(scope.task, time_of(chip, schedule, i, last[i]));
  }
  std::vector<std::set<std::int32_t>> cores(scopes.size());
  for (const Subtask& subtask : schedule.subtasks) {
    const std::size_t at = scope_of[subtask.task.index()];
    ++scopes[at].subtasks;
    cores[at].insert(subtask.core);
    scopes[at].first_start_us = std::min(scopes[at].first_start_us, subtask.start_us);
    scopes[at].last_end_us = std::max(scopes[at].last_end_us, subtask.end_us);
  }
  for (const PathStep& step : schedule.critical_path) {
    const auto spent = static_cast<std::size_t>(step.spent);
    scopes[scope_of[step.task.index()]].path_us[spent] += step.to_us - step.from_us;
  }
  for (std::size_t at = 0; at < scopes.size(); ++at) {
    scopes[at].cores = static_cast<std::int64_t>(cores[at].size());
    divide(scopes[at]);
  }
  return scopes;
}

}  // namespace fulgurite::study
