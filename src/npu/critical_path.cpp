#include "npu/critical_path.hpp"

#include <algorithm>

namespace fulgurite::npu {

using tile::TaskId;

namespace {

class PathWalk {
 public:
  PathWalk(const Chip& chip, const Schedule& schedule, std::span<const Edge> edges)
      : chip_(chip), schedule_(schedule), at_us_(schedule.makespan_us) {
    find_last_subtasks();
    find_last_producers(edges);
  }

  std::vector<PathStep> run() {
    TaskId task;
    for (std::int32_t id = 0; id < static_cast<std::int32_t>(last_subtask_.size()); ++id) {
      if (!task.valid() || schedule_.done_us[TaskId{id}.index()] > done_us(task)) task = {id};
    }
    while (task.valid()) task = back_through(task);
    std::ranges::reverse(steps_);
    return std::move(steps_);
  }

 private:
  [[nodiscard]] double done_us(TaskId task) const { return schedule_.done_us[task.index()]; }

  void find_last_subtasks() {
    last_subtask_.assign(schedule_.done_us.size(), 0);
    std::vector<double> seen(schedule_.done_us.size(), -1);
    for (std::size_t i = 0; i < schedule_.subtasks.size(); ++i) {
      const Subtask& subtask = schedule_.subtasks[i];
      if (subtask.seen_us <= seen[subtask.task.index()]) continue;
      seen[subtask.task.index()] = subtask.seen_us;
      last_subtask_[subtask.task.index()] = i;
    }
  }

  void find_last_producers(std::span<const Edge> edges) {
    last_producer_.resize(schedule_.done_us.size());
    for (const Edge& edge : edges) {
      TaskId& last = last_producer_[edge.to.index()];
      if (!last.valid() || done_us(edge.from) > done_us(last)) last = edge.from;
    }
  }

  /// The time from `us` on, up to where the walk is, went to that.
  void spend(TaskId task, Spent spent, double us) {
    if (us >= at_us_) return;
    if (!steps_.empty() && steps_.back().task == task && steps_.back().spent == spent) {
      steps_.back().from_us = us;
    } else {
      steps_.push_back({.task = task, .spent = spent, .from_us = us, .to_us = at_us_});
    }
    at_us_ = us;
  }

  /// Spends all from the task's readiness on; returns the producer that the walk goes on with.
  TaskId back_through(TaskId task) {
    const std::size_t last = last_subtask_[task.index()];
    const Subtask& subtask = schedule_.subtasks[last];
    const auto [begin_us, started_us] = dispatch_of_block(last);
    const double ready_us = schedule_.ready_us[task.index()];
    spend(task, Spent::scheduler, subtask.end_us);
    spend(task, Spent::compute, subtask.start_us);
    spend(task, Spent::waiting, std::min(started_us, subtask.start_us));
    spend(task, Spent::scheduler, std::clamp(subtask.core_free_us, ready_us, begin_us));
    spend(task, Spent::waiting, ready_us);
    const TaskId producer = last_producer_[task.index()];
    if (producer.valid() && done_us(producer) > schedule_.submitted_us[task.index()]) {
      return producer;
    }
    spend(task, Spent::orchestrator, 0);
    return {};
  }

  struct Dispatch {
    double begin_us;    ///< when the scheduler turned to the block
    double started_us;  ///< when its kernel would have started on idle cores
  };
  [[nodiscard]] Dispatch dispatch_of_block(std::size_t any_subtask) const {
    const auto& subtasks = schedule_.subtasks;
    const auto is_of_block = [&, &of = subtasks[any_subtask]](const Subtask& subtask) {
      return subtask.task == of.task && subtask.block == of.block;
    };
    std::size_t first = any_subtask;
    while (first != 0 && is_of_block(subtasks[first - 1])) --first;
    std::size_t last = any_subtask;
    while (last + 1 != subtasks.size() && is_of_block(subtasks[last + 1])) ++last;
    return {subtasks[first].dispatched_us,
            subtasks[last].dispatched_us + chip_.dispatch_us + chip_.start_us};
  }

  const Chip& chip_;
  const Schedule& schedule_;
  double at_us_;
  std::vector<std::size_t> last_subtask_;  ///< by task: the one that was seen last
  std::vector<TaskId> last_producer_;      ///< by task
  std::vector<PathStep> steps_;            ///< the latest first
};

}  // namespace

std::vector<PathStep> critical_path(const Chip& chip, const Schedule& schedule,
                                    std::span<const Edge> edges) {
  return PathWalk(chip, schedule, edges).run();
}

}  // namespace fulgurite::npu
