#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "fulgurite/error.hpp"
#include "tile/loop.hpp"
#include "tile/node.hpp"
#include "tile/program.hpp"
#include "tile/trace.hpp"
#include "tile/where.hpp"

namespace fulgurite::tile::detail {

/// The number of the next entry.
template <class Row>
std::int32_t size_of(const std::vector<Row>& table) {
  return static_cast<std::int32_t>(table.size());
}

/// What stands behind a Program: the trace, where in the program we are, and the memory of GM.
class Recorder {
 public:
  explicit Recorder(Mode mode) : mode_(mode) {}

  Trace trace;

  [[nodiscard]] Mode mode() const { return mode_; }
  [[nodiscard]] bool computes() const { return mode_ == Mode::compute; }
  [[nodiscard]] bool in_scope() const { return task_.valid(); }
  [[nodiscard]] TaskId task() const { return task_; }
  [[nodiscard]] IterationId iteration() const { return iteration_; }

  /// Throws "what in scope S at file:line: message".
  [[noreturn]] void fail(std::string_view what, const Where& where, const std::string& message,
                         ErrorKind kind = ErrorKind::input) const;

  LocationId locate(const Where& where);
  const char* intern(std::string_view text);

  // ---- Loops, scopes, calls
  Iterations begin_loop(LoopKind kind, Index start, Index stop, Index step, Index stage,
                        const Where& where);
  void next_iteration(Index value);
  void end_loop() noexcept;
  /// Checks the options of `at`, or of `spmd` if there are blocks, and begins the task.
  TaskId open_scope(std::string_view what, std::string_view name_hint,
                    const std::vector<Optimization>& optimizations, const std::vector<TaskId>& deps,
                    Index blocks, const Where& where);
  TaskId begin_scope(Scope scope, Index blocks, const std::vector<TaskId>& deps,
                     const Where& where);
  TaskId end_scope(const Where& where);
  void abandon_scope() noexcept { task_ = {}; }
  void begin_call(std::string_view name);
  void end_call() noexcept { call_ = trace[call_].caller; }
  [[nodiscard]] CallId call() const { return call_; }
  [[nodiscard]] bool in_spmd() const;
  [[nodiscard]] Index block() const;
  [[nodiscard]] bool at_top() const { return !in_scope() && open_loops_.empty(); }

  // ---- Tables
  OpId add(const Op& op);
  /// A handle to a new tensor; `data` null: no numbers yet.
  NodePtr add_buffer(Buffer buffer, BufferStorage storage);
  NodePtr add_view(BufferId buffer, DType dtype, View view);
  /// A handle to a new tile that `producer` made; memory only in a run with numbers.
  NodePtr add_tile(TileRecord record);
  AccessId add_access(Access access);
  WindowId add_window(const Shape& start, const Shape& extent);
  void find(FindingKind kind, OpId op, BufferId buffer, std::int64_t count,
            const std::string& message);

  [[nodiscard]] BufferStorage& storage(BufferId buffer) { return storages_[buffer.index()]; }
  /// Zeroed memory that costs nothing until it is touched.
  static BufferStorage undefined_storage(std::string_view name, DType dtype, const Shape& shape,
                                         bool with_numbers);

  /// The loads of whole tensors in this scope: a second use of cos is no second load.
  std::map<ViewId, NodePtr> whole_loads;
  void forget_loads(BufferId buffer);
  /// Notes the orientation in which a matmul reads the tensor that a tile was loaded from.
  void note_orientation(OpId op, TileId operand, bool transposed);

 private:
  void settle_sides(Task& task);
  void collect_arguments(Task& task);

  Mode mode_;
  TaskId task_;
  IterationId iteration_;
  CallId call_;
  std::vector<LoopId> open_loops_;
  std::int32_t first_tile_ = 0;  ///< of the running task
  std::vector<BufferStorage> storages_;
  std::map<BufferId, unsigned> orientations_;

  struct PlaceHash {
    std::size_t operator()(const std::tuple<const char*, std::uint32_t, std::uint32_t>& p) const {
      return std::hash<const char*>()(std::get<0>(p)) ^ (std::size_t{std::get<1>(p)} << 20) ^
             (std::size_t{std::get<2>(p)} << 8);
    }
  };
  std::unordered_map<std::tuple<const char*, std::uint32_t, std::uint32_t>, LocationId, PlaceHash>
      locations_;
  std::unordered_set<std::string> texts_;
  std::map<std::tuple<FindingKind, LocationId, BufferId>, std::size_t> findings_;
};

}  // namespace fulgurite::tile::detail
