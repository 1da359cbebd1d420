#include "npu/argument_regions.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include "npu/regions.hpp"

namespace fulgurite::npu {
namespace {

using namespace tile;

/// The last task that reads all of a buffer in one argument, and the last one of another scope.
struct WholeReaders {
  TaskId last;
  ScopeId scope;
  TaskId last_of_others;
};

std::vector<WholeReaders> find_whole_readers(const Trace& trace) {
  std::vector<WholeReaders> readers(trace.buffers.size());
  for (std::size_t row = 0; row < trace.tasks.size(); ++row) {
    const Task& task = trace.tasks[row];
    for (std::int32_t i = task.arguments.first; i < task.arguments.last; ++i) {
      const Argument& argument = trace.arguments[static_cast<std::size_t>(i)];
      const View& view = trace[argument.view];
      if (!argument.is_read) continue;
      if (view.shape.elements() != trace[view.buffer].shape.elements()) continue;
      WholeReaders& seen = readers[view.buffer.index()];
      if (seen.last.valid() && seen.scope != task.scope) seen.last_of_others = seen.last;
      seen.last = TaskId{static_cast<std::int32_t>(row)};
      seen.scope = task.scope;
    }
  }
  return readers;
}

bool is_read_whole_later(const WholeReaders& readers, TaskId writer, ScopeId scope) {
  return readers.scope != scope ? readers.last > writer : readers.last_of_others > writer;
}

/// The accesses of one argument that touch anything, without repetition.
std::vector<Access> windows_of(const Trace& trace, const Task& task, ViewId view) {
  std::vector<Access> windows;
  for (std::int32_t row = task.accesses.first; row < task.accesses.last; ++row) {
    const Access& access = trace.accesses[static_cast<std::size_t>(row)];
    if (access.view != view || access.extent.elements() == 0) continue;
    const bool is_known = std::any_of(windows.begin(), windows.end(), [&](const Access& known) {
      return known.start == access.start && known.extent == access.extent;
    });
    if (!is_known) windows.push_back(access);
  }
  return windows;
}

bool are_apart(const Access& a, const Access& b) {
  for (std::size_t axis = 0; axis < a.start.rank(); ++axis) {
    if (a.start[axis] + a.extent[axis] <= b.start[axis]) return true;
    if (b.start[axis] + b.extent[axis] <= a.start[axis]) return true;
  }
  return false;
}

bool are_disjoint(const std::vector<Access>& windows) {
  for (std::size_t i = 0; i < windows.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (!are_apart(windows[i], windows[j])) return false;
    }
  }
  return true;
}

/// The box that the windows fill, if they do: one of them is the box, or they tile it.
std::optional<Region> box_of(const Trace& trace, const std::vector<Access>& windows) {
  if (windows.empty()) return std::nullopt;
  Access hull = windows.front();
  for (const Access& window : windows) {
    for (std::size_t axis = 0; axis < hull.start.rank(); ++axis) {
      const Index last =
          std::max(hull.start[axis] + hull.extent[axis], window.start[axis] + window.extent[axis]);
      hull.start[axis] = std::min(hull.start[axis], window.start[axis]);
      hull.extent[axis] = last - hull.start[axis];
    }
  }
  Index touched = 0;
  bool is_filled = false;
  for (const Access& window : windows) {
    touched += window.extent.elements();
    is_filled |= window.extent == hull.extent;
  }
  if (!is_filled && (touched != hull.extent.elements() || !are_disjoint(windows))) {
    return std::nullopt;
  }
  return region(trace, hull);
}

class Narrowing {
 public:
  Narrowing(const Trace& trace, WindowPolicy policy)
      : trace_(trace), policy_(policy), readers_(find_whole_readers(trace)) {
    note_first_writers();
  }

  void narrow(const Task& task, std::vector<Region>& regions) const {
    std::vector<std::optional<Region>> boxes;
    for (std::int32_t row = task.arguments.first; row < task.arguments.last; ++row) {
      const Argument& argument = trace_.arguments[static_cast<std::size_t>(row)];
      const bool is_wanted = policy_ == WindowPolicy::june || argument.is_written;
      boxes.push_back(is_wanted ? box_of(trace_, windows_of(trace_, task, argument.view))
                                : std::nullopt);
      if (policy_ == WindowPolicy::may && argument.is_written && !boxes.back()) return;
    }
    for (std::int32_t row = task.arguments.first; row < task.arguments.last; ++row) {
      const std::optional<Region>& box =
          boxes[static_cast<std::size_t>(row - task.arguments.first)];
      if (box && is_allowed(task, trace_.arguments[static_cast<std::size_t>(row)])) {
        regions[static_cast<std::size_t>(row)] = *box;
      }
    }
  }

 private:
  void note_first_writers() {
    for (std::size_t row = 0; row < trace_.tasks.size(); ++row) {
      const Task& task = trace_.tasks[row];
      for (std::int32_t i = task.arguments.first; i < task.arguments.last; ++i) {
        const Argument& argument = trace_.arguments[static_cast<std::size_t>(i)];
        if (!argument.is_written) continue;
        first_writer_.try_emplace({task.scope, trace_[argument.view].buffer},
                                  TaskId{static_cast<std::int32_t>(row)});
      }
    }
  }

  [[nodiscard]] bool is_allowed(const Task& task, const Argument& argument) const {
    if (policy_ == WindowPolicy::june) return true;
    if (!argument.is_written || argument.is_read) return false;
    const BufferId buffer = trace_[argument.view].buffer;
    return !is_read_whole_later(readers_[buffer.index()], first_writer_.at({task.scope, buffer}),
                                task.scope);
  }

  const Trace& trace_;
  WindowPolicy policy_;
  std::vector<WholeReaders> readers_;
  std::map<std::pair<ScopeId, BufferId>, TaskId> first_writer_;
};

}  // namespace

std::vector<Region> argument_regions(const Trace& trace, WindowPolicy policy) {
  std::vector<Region> regions;
  regions.reserve(trace.arguments.size());
  for (const Argument& argument : trace.arguments) {
    regions.push_back(region(trace, trace[argument.view]));
  }
  if (policy == WindowPolicy::off) return regions;
  const Narrowing narrowing(trace, policy);
  for (const Task& task : trace.tasks) narrowing.narrow(task, regions);
  return regions;
}

}  // namespace fulgurite::npu
