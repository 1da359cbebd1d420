#include <algorithm>

#include "tile/recorder.hpp"

// The begin and end of a kernel: which task it is, which side each operation runs on, and which
// tensors it is called with.

namespace fulgurite::tile::detail {
namespace {

bool follows_operand(OpCode code) {
  return code == OpCode::reshape || code == OpCode::slice || code == OpCode::set_validshape ||
         code == OpCode::store || code == OpCode::keep;
}

}  // namespace

TaskId Recorder::begin_scope(Scope scope, Index blocks, const std::vector<TaskId>& deps,
                             const Where& where) {
  scope.call = call_;
  scope.location = locate(where);
  const auto found = std::find(trace.scopes.begin(), trace.scopes.end(), scope);
  const ScopeId id{static_cast<std::int32_t>(found - trace.scopes.begin())};
  if (found == trace.scopes.end()) trace.scopes.push_back(std::move(scope));

  Task task;
  task.scope = id;
  task.blocks = blocks;
  task.iteration = iteration_;
  task.ops.first = size_of(trace.ops);
  task.accesses.first = size_of(trace.accesses);
  task.deps = {size_of(trace.deps), size_of(trace.deps) + size_of(deps)};
  trace.deps.insert(trace.deps.end(), deps.begin(), deps.end());
  task_ = TaskId{size_of(trace.tasks)};
  trace.tasks.push_back(task);
  first_tile_ = size_of(trace.tiles);
  whole_loads.clear();
  orientations_.clear();
  return task_;
}

TaskId Recorder::end_scope(const Where& where) {
  if (!in_scope()) fail("end of scope", where, "no scope is open");
  Task& task = trace.tasks[task_.index()];
  if (iteration_ != task.iteration) fail("end of scope", where, "a loop in it is still running");
  task.ops.last = size_of(trace.ops);
  task.accesses.last = size_of(trace.accesses);
  settle_sides(task);
  collect_arguments(task);
  whole_loads.clear();
  const TaskId ended = task_;
  task_ = {};
  return ended;
}

/// A load goes where its readers are, through reshapes and slices of it.
void Recorder::settle_sides(Task& task) {
  const auto first = static_cast<std::size_t>(first_tile_);
  for (std::size_t row = trace.tiles.size(); row > first; --row) {
    const TileRecord& tile = trace.tiles[row - 1];
    if (tile.side != Side::none || !tile.view_of.valid()) continue;
    TileRecord& base = trace.tiles[tile.view_of.index()];
    base.used_by_cube |= tile.used_by_cube;
    base.used_by_vector |= tile.used_by_vector;
  }
  for (std::size_t row = first; row < trace.tiles.size(); ++row) {
    TileRecord& tile = trace.tiles[row];
    if (tile.side != Side::none) continue;
    if (tile.view_of.valid()) {
      tile.side = trace[tile.view_of].side;
    } else if (tile.used_by_cube) {
      tile.side = tile.used_by_vector ? Side::both : Side::cube;
    } else {
      tile.side = Side::vector;
    }
  }
  bool has_cube = false;
  bool has_vector = false;
  for (std::int32_t row = task.ops.first; row < task.ops.last; ++row) {
    Op& op = trace.ops[static_cast<std::size_t>(row)];
    if (op.code == OpCode::load || op.code == OpCode::create_tensor) {
      op.side = trace[op.result].side;
    } else if (follows_operand(op.code)) {
      op.side = trace[op.operands[0]].side;
      const bool is_store = op.code == OpCode::store || op.code == OpCode::keep;
      if (is_store && op.side == Side::both) op.side = Side::vector;
    }
    if (op.code == OpCode::create_tensor) continue;
    has_cube |= op.side == Side::cube || op.side == Side::both;
    has_vector |= op.side == Side::vector || op.side == Side::both;
  }
  task.kind = !has_cube ? TaskKind::vector : has_vector ? TaskKind::mixed : TaskKind::cube;
}

void Recorder::collect_arguments(Task& task) {
  task.arguments.first = size_of(trace.arguments);
  for (std::int32_t row = task.accesses.first; row < task.accesses.last; ++row) {
    const Access& access = trace.accesses[static_cast<std::size_t>(row)];
    const auto begin = trace.arguments.begin() + task.arguments.first;
    auto found = std::find_if(begin, trace.arguments.end(), [&](const Argument& argument) {
      return argument.view == access.view;
    });
    if (found == trace.arguments.end()) {
      found = trace.arguments.insert(found, Argument{access.view, false, false});
    }
    found->is_read |= !access.is_write;
    found->is_written |= access.is_write;
  }
  task.arguments.last = size_of(trace.arguments);
}

}  // namespace fulgurite::tile::detail
