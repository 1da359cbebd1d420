#include "npu/kernels.hpp"

#include <map>

namespace fulgurite::npu {

using namespace tile;

namespace {

/// What a kernel does, as numbers; equal for two kernels that do the same. Ids count from the
/// task's first.
class Signature {
 public:
  Signature(const Trace& trace, TaskId id) : trace_(trace), task_(trace[id]) {
    add(task_.scope.value);
    add(static_cast<std::int64_t>(task_.kind));
    add(task_.blocks);
    for (std::int32_t row = task_.ops.first; row < task_.ops.last; ++row) {
      add_op(trace.ops[static_cast<std::size_t>(row)]);
    }
  }
  std::vector<std::int64_t> take() { return std::move(numbers_); }

 private:
  void add(std::int64_t number) { numbers_.push_back(number); }
  void add(const Shape& shape) {
    for (const Index extent : shape) add(extent);
  }
  void add_from(std::int32_t& first, std::int32_t id) {
    if (id >= 0 && first < 0) first = id;
    add(id < 0 ? id : id - first);
  }

  void add_op(const Op& op) {
    add(static_cast<std::int64_t>(op.code) * 8 + static_cast<std::int64_t>(op.side));
    add(op.location.value);
    add_from(first_iteration_, op.iteration == task_.iteration ? -1 : op.iteration.value);
    add_from(first_tile_, op.result.value);
    if (op.result.valid()) {
      add(static_cast<std::int64_t>(trace_[op.result].dtype));
      add(trace_[op.result].shape);
      add(trace_[op.result].valid);
    }
    for (std::int32_t at = 0; at < op.operand_count; ++at) {
      add_from(first_tile_, op.operands[static_cast<std::size_t>(at)].value);
    }
    if (op.access.valid()) add(trace_[op.access].extent);
    if (op.window.valid()) {
      add(trace_[op.window].start);
      add(trace_[op.window].extent);
    }
    add(op.settings.has_number ? 1 : 0);
  }

  const Trace& trace_;
  const Task& task_;
  std::int32_t first_iteration_ = -1;
  std::int32_t first_tile_ = -1;
  std::vector<std::int64_t> numbers_;
};

}  // namespace

Kernels distinct_kernels(const Trace& trace) {
  Kernels result;
  std::map<std::vector<std::int64_t>, std::int32_t> known;
  for (std::size_t row = 0; row < trace.tasks.size(); ++row) {
    const TaskId task{static_cast<std::int32_t>(row)};
    const auto number = static_cast<std::int32_t>(result.kernels.size());
    const auto [entry, is_new] = known.try_emplace(Signature(trace, task).take(), number);
    if (is_new) result.kernels.push_back({task, 0});
    ++result.kernels[static_cast<std::size_t>(entry->second)].tasks;
    result.kernel_of.push_back(entry->second);
  }
  return result;
}

}  // namespace fulgurite::npu
