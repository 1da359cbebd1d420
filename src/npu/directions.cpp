#include "npu/directions.hpp"

#include <algorithm>
#include <unordered_set>

#include "npu/loop_nest.hpp"

namespace fulgurite::npu {
namespace {

using namespace tile;

bool is_in_sequence(const Trace& trace, const std::vector<IterationId>& nest) {
  return std::any_of(nest.begin() + 1, nest.end(), [&](IterationId iteration) {
    return trace[trace[iteration].loop].kind != LoopKind::parallel;
  });
}

/// What the statements so far have written, level by level.
class Written {
 public:
  explicit Written(const Trace& trace) : trace_(trace) {}

  /// Goes to the statement list that the task stands in.
  void enter(const std::vector<IterationId>& nest) {
    std::size_t common = 0;
    while (common < levels_.size() && common < nest.size() &&
           levels_[common].iteration == nest[common]) {
      ++common;
    }
    while (levels_.size() > common) leave();
    for (std::size_t depth = common; depth < nest.size(); ++depth) {
      if (!levels_.empty()) begin_statement(trace_[nest[depth]].loop);
      levels_.push_back({nest[depth], {}, {}, {}});
    }
  }

  /// A task is the next statement of the innermost level.
  void begin_task() { begin_statement({}); }

  [[nodiscard]] bool contains(BufferId buffer) const {
    return std::any_of(levels_.begin(), levels_.end(),
                       [&](const Level& level) { return level.written.contains(buffer.value); });
  }
  void add(BufferId buffer) { levels_.back().written.insert(buffer.value); }

 private:
  using Buffers = std::unordered_set<std::int32_t>;
  struct Level {
    IterationId iteration;
    Buffers written;     ///< by its statements that are at their end
    LoopId running;      ///< the loop among its statements that is not
    Buffers by_running;  ///< written by that loop's iterations so far
  };

  /// Ends the loop that was running, unless the statement is that loop's next iteration.
  void begin_statement(LoopId loop) {
    Level& level = levels_.back();
    if (level.running == loop) return;
    level.written.merge(level.by_running);
    level.by_running.clear();
    level.running = loop;
  }

  void leave() {
    Level inner = std::move(levels_.back());
    levels_.pop_back();
    if (levels_.empty()) return;
    levels_.back().by_running.merge(inner.written);
    levels_.back().by_running.merge(inner.by_running);
  }

  const Trace& trace_;
  std::vector<Level> levels_;
};

Direction direction_of(const Trace& trace, const Argument& argument, bool is_promoted) {
  if (!argument.is_written) return Direction::in;
  const bool is_declared = trace[trace[argument.view].buffer].mark == Mark::inout;
  return argument.is_read || is_declared || is_promoted ? Direction::in_out : Direction::existing;
}

}  // namespace

std::vector<Direction> directions(const Trace& trace) {
  std::vector<Direction> result;
  result.reserve(trace.arguments.size());
  Written written(trace);
  for (const Task& task : trace.tasks) {
    const std::vector<IterationId> nest = loop_nest(trace, task);
    written.enter(nest);
    written.begin_task();
    const bool is_sequential = is_in_sequence(trace, nest);
    for (std::int32_t row = task.arguments.first; row < task.arguments.last; ++row) {
      const Argument& argument = trace.arguments[static_cast<std::size_t>(row)];
      const bool is_prior = written.contains(trace[argument.view].buffer);
      result.push_back(direction_of(trace, argument, is_sequential || is_prior));
    }
    for (std::int32_t row = task.arguments.first; row < task.arguments.last; ++row) {
      const Argument& argument = trace.arguments[static_cast<std::size_t>(row)];
      if (argument.is_written) written.add(trace[argument.view].buffer);
    }
  }
  return result;
}

}  // namespace fulgurite::npu
