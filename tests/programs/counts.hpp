#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tile/trace.hpp"

namespace fulgurite::programs::test {

using namespace tile;

inline int count_ops(const Trace& trace, OpCode code) {
  return static_cast<int>(std::count_if(trace.ops.begin(), trace.ops.end(),
                                        [&](const Op& op) { return op.code == code; }));
}

/// Slices that kernels evaluate, of tensors and of tiles; not operands that are used whole.
inline int windows_read(const Trace& trace) {
  return static_cast<int>(std::count_if(trace.ops.begin(), trace.ops.end(), [&](const Op& op) {
    return op.code == OpCode::slice || (op.code == OpCode::load && !trace[op.access].is_whole);
  }));
}
inline int windows_written(const Trace& trace) { return count_ops(trace, OpCode::store); }

/// The tasks of cube, vector and mixed kernels.
struct Kinds {
  int cube = 0;
  int vector = 0;
  int mixed = 0;
  [[nodiscard]] int tasks() const { return cube + vector + mixed; }
  /// A mixed kernel takes a cube core and both vector cores, also with SplitMode::none.
  [[nodiscard]] int subtasks() const { return cube + vector + 3 * mixed; }
  friend bool operator==(const Kinds&, const Kinds&) = default;
};
inline Kinds kinds(const Trace& trace) {
  Kinds result;
  for (const Task& task : trace.tasks) {
    if (task.kind == TaskKind::cube) ++result.cube;
    if (task.kind == TaskKind::vector) ++result.vector;
    if (task.kind == TaskKind::mixed) ++result.mixed;
  }
  return result;
}

/// "64 C" for each full name of a scope.
inline std::map<std::string, std::string> tasks_by_scope(const Trace& trace) {
  std::map<std::string, std::pair<int, char>> counts;
  for (const Task& task : trace.tasks) {
    auto& [count, kind] = counts[full_name(trace, task.scope)];
    const char letter = task.kind == TaskKind::cube     ? 'C'
                        : task.kind == TaskKind::vector ? 'V'
                                                        : 'M';
    kind = count == 0 || kind == letter ? letter : '?';
    ++count;
  }
  std::map<std::string, std::string> result;
  for (const auto& [name, entry] : counts) {
    result[name] = std::to_string(entry.first) + ' ' + entry.second;
  }
  return result;
}

/// Values that leave their scope by name: "indexer/qr_acc", how often.
inline std::map<std::string, int> kept_values(const Trace& trace) {
  std::map<std::string, int> result;
  for (const Buffer& buffer : trace.buffers) {
    if (buffer.kind != BufferKind::kept) continue;
    std::string call = full_name(trace, trace[trace[buffer.creator].task].scope);
    call.resize(call.rfind('/') + 1);
    ++result[call + buffer.name];
  }
  return result;
}

}  // namespace fulgurite::programs::test
