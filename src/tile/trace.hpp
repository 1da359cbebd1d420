#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tile/dtype.hpp"
#include "tile/ids.hpp"
#include "tile/options.hpp"
#include "tile/shape.hpp"

// What a tile program did, in the order in which it did it. All analyses read this and nothing
// else. Every record is plain data in a table; an id is a row number in its table. Nothing depends
// on the numbers, except through the branches and bounds that the program itself took from them.

namespace fulgurite::tile {

/// A half-open range of rows of a table.
struct Range {
  std::int32_t first = 0;
  std::int32_t last = 0;
  [[nodiscard]] std::int32_t size() const { return last - first; }
  friend bool operator==(const Range&, const Range&) = default;
};

struct Location {
  std::string file;  ///< without its folders
  std::string function;
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  friend bool operator==(const Location&, const Location&) = default;
};

/// An inline function as called from another, between `Program::begin_call` and its end.
struct Call {
  std::string name;
  CallId caller;
  friend bool operator==(const Call&, const Call&) = default;
};

enum class LoopKind : std::uint8_t { range, parallel, pipeline, unroll, spmd };

/// One execution of a loop statement; of an spmd, its blocks.
struct Loop {
  LoopKind kind = LoopKind::range;
  Index start = 0;
  Index stop = 0;
  Index step = 1;
  Index stage = 0;        ///< pipeline only
  IterationId enclosing;  ///< the iteration that it stands in
  TaskId task;            ///< none outside scopes
  LocationId location;
  friend bool operator==(const Loop&, const Loop&) = default;
};

/// One iteration. Walking `enclosing` of its loop gives the whole nest, through the task's scope to
/// the orchestrator's loops.
struct Iteration {
  LoopId loop;
  Index value = 0;    ///< of the loop variable
  Index ordinal = 0;  ///< 0, 1, 2, ...
  friend bool operator==(const Iteration&, const Iteration&) = default;
};

/// The text of a kernel: what is written between `at` and its end.
struct Scope {
  std::string name;      ///< name_hint: a label, not a key
  CallId call;           ///< the innermost inline function that it stands in
  LocationId location;   ///< of the `at` or `spmd`
  bool is_spmd = false;  ///< its tasks have blocks
  bool has_split = false;
  SplitMode split = SplitMode::none;
  bool auto_chunk = false;
  friend bool operator==(const Scope&, const Scope&) = default;
};

enum class TaskKind : std::uint8_t { cube, vector, mixed };

/// One execution of a scope.
struct Task {
  ScopeId scope;
  TaskKind kind = TaskKind::vector;
  Index blocks = 1;       ///< above 1 only in spmd
  IterationId iteration;  ///< the orchestrator's innermost
  Range ops;
  Range accesses;
  Range arguments;
  Range deps;  ///< of Trace::deps
  friend bool operator==(const Task&, const Task&) = default;
};

/// How a parameter is marked. Tensors without a mark may be written, too; `input` may not.
enum class Mark : std::uint8_t { input, unmarked, out, inout };

enum class BufferKind : std::uint8_t {
  parameter,
  created,  ///< create_tensor outside scopes
  kept,     ///< a tile that left its scope by name
};

/// A tensor's storage in GM.
struct Buffer {
  std::string name;
  BufferKind kind = BufferKind::parameter;
  Mark mark = Mark::unmarked;  ///< parameters only
  DType dtype = DType::f32;
  Shape shape;
  IterationId iteration;  ///< where it was created
  OpId creator;           ///< none for a parameter
  ViewId whole;           ///< the view that is the buffer itself
  friend bool operator==(const Buffer&, const Buffer&) = default;
};

/// A tensor as the orchestrator handles it: the buffer itself, or a reshape or slice of it.
struct View {
  BufferId buffer;
  Index offset = 0;  ///< in elements of the buffer
  Shape shape;
  Shape strides;
  friend bool operator==(const View&, const View&) = default;
};

/// A window of a tensor that a task, or the orchestrator's `read`, touches.
struct Access {
  ViewId view;
  OpId op;
  bool is_write = false;
  bool is_whole = false;  ///< an operand without a window, or a kept value
  Shape start;            ///< in the view's axes
  Shape extent;           ///< of a store the valid part only, so it may be 0
  friend bool operator==(const Access&, const Access&) = default;
};

/// A window of a tile.
struct TileWindow {
  Shape start;
  Shape extent;
  friend bool operator==(const TileWindow&, const TileWindow&) = default;
};

/// A view that a task is called with: the direction of the whole task.
struct Argument {
  ViewId view;
  bool is_read = false;
  bool is_written = false;
  friend bool operator==(const Argument&, const Argument&) = default;
};

/// Which core does it. A load that both sides read is `both`.
enum class Side : std::uint8_t { none, cube, vector, both };

/// A value of a kernel.
struct TileRecord {
  DType dtype = DType::f32;
  Shape shape;
  Shape valid;  ///< the valid extents
  TaskId task;
  OpId producer;
  TileId view_of;          ///< its elements are those of this tile (reshape, slice, set_validshape)
  TileId replaces;         ///< takes this tile's place: matmul_acc, window writes, scatter
  Side side = Side::none;  ///< where it lives: cube is L1 for a load, L0C for a matmul
  bool used_by_cube = false;
  bool used_by_vector = false;
  std::string name;  ///< given by `named`, `keep` or create_tensor; else empty
  /// It is pushed through the ring from one side to the other.
  [[nodiscard]] bool crosses() const {
    return (side == Side::cube && used_by_vector) || (side == Side::vector && used_by_cube);
  }
  friend bool operator==(const TileRecord&, const TileRecord&) = default;
};

enum class OpCode : std::uint8_t {
  // outside scopes and inside
  create_tensor,
  reshape,
  view,  ///< a slice taken outside of scopes
  read,
  min,
  scalar_cast,
  floor_div,
  mod,
  get_block_idx,
  // inside scopes only
  load,    ///< a slice of a tensor, or a tensor as an operand
  slice,   ///< a slice of a tile
  store,   ///< a write to a window of a tensor, `assemble` to a tensor
  insert,  ///< a write to a window of a tile, `assemble` to a tile
  keep,    ///< the store of a value that leaves by name
  write,
  full,
  arange,
  matmul,
  matmul_acc,
  add,
  sub,
  mul,
  div,
  maximum,
  neg,
  exp,
  recip,
  sqrt,
  abs,
  row_max,
  row_sum,
  row_expand_mul,
  col_expand_mul,
  col_expand,
  set_validshape,
  fillpad,
  sort32,
  mrgsort,        ///< of blocks
  mrgsort_lists,  ///< of two to four lists
  gather_mask,
  gather_index,
  scatter,
  cast,
};
std::string_view name(OpCode code);

enum class Unit : std::uint8_t { none, cube, vector, data, scalar };
/// The unit of the table of operations; where a `data` operation runs is its `side`.
Unit unit(OpCode code);

/// What an operation was told besides its operands. Unused fields keep their defaults.
struct OpSettings {
  bool a_trans = false;
  bool b_trans = false;
  Round round = Round::none;
  PadValue pad = PadValue::null;
  MaskPattern mask = MaskPattern::P1111;
  Index parameter = 0;      ///< block_len; arange's start; get_block_idx's result
  bool has_number = false;  ///< an operand is the number below
  double number = 0;        ///< 0 if it came from a `read`: the trace holds no results
  OpId number_from;         ///< that `read`
  friend bool operator==(const OpSettings&, const OpSettings&) = default;
};

/// One operation, executed once.
struct Op {
  OpCode code = OpCode::full;
  Side side = Side::none;
  TaskId task;
  IterationId iteration;  ///< the innermost, of the kernel or else of the orchestrator
  LocationId location;
  TileId result;
  std::array<TileId, 4> operands;
  std::int32_t operand_count = 0;
  AccessId access;  ///< of a tensor
  WindowId window;  ///< of a tile
  ViewId view;      ///< create_tensor, reshape and view outside scopes: the result
  OpSettings settings;
  friend bool operator==(const Op&, const Op&) = default;
};

enum class FindingKind : std::uint8_t {
  undefined_output,         ///< elements that nothing defined were stored to a parameter
  undefined_scalar,         ///< `read` of an element that nothing defined
  conversion,               ///< a cast of NaN or of a number out of the type's range
  negative_dividend,        ///< // or % of a negative number: floor and truncation differ
  straight_and_transposed,  ///< one kernel loads a tensor for the cube in both orientations
};
std::string_view name(FindingKind kind);
std::string_view name(LoopKind kind);
std::string_view name(TaskKind kind);
std::string_view name(Side side);

/// Something that is no error of the language, but goes wrong. One for each line and tensor.
struct Finding {
  FindingKind kind = FindingKind::undefined_output;
  OpId op;          ///< the first time
  BufferId buffer;  ///< none where no tensor is meant
  std::int64_t count = 1;
  std::string message;
  friend bool operator==(const Finding&, const Finding&) = default;
};

struct Trace {
  std::vector<Location> locations;
  std::vector<Call> calls;
  std::vector<Scope> scopes;
  std::vector<Loop> loops;
  std::vector<Iteration> iterations;
  std::vector<Task> tasks;
  std::vector<TaskId> deps;
  std::vector<Buffer> buffers;
  std::vector<View> views;
  std::vector<Access> accesses;
  std::vector<Argument> arguments;
  std::vector<TileWindow> windows;
  std::vector<TileRecord> tiles;
  std::vector<Op> ops;
  std::vector<Finding> findings;

  const Location& operator[](LocationId id) const { return locations[id.index()]; }
  const Call& operator[](CallId id) const { return calls[id.index()]; }
  const Scope& operator[](ScopeId id) const { return scopes[id.index()]; }
  const Loop& operator[](LoopId id) const { return loops[id.index()]; }
  const Iteration& operator[](IterationId id) const { return iterations[id.index()]; }
  const Task& operator[](TaskId id) const { return tasks[id.index()]; }
  const Buffer& operator[](BufferId id) const { return buffers[id.index()]; }
  const View& operator[](ViewId id) const { return views[id.index()]; }
  const Access& operator[](AccessId id) const { return accesses[id.index()]; }
  const TileWindow& operator[](WindowId id) const { return windows[id.index()]; }
  const TileRecord& operator[](TileId id) const { return tiles[id.index()]; }
  const Op& operator[](OpId id) const { return ops[id.index()]; }

  friend bool operator==(const Trace&, const Trace&) = default;
};

/// Elements of a buffer: offset + sum of i_axis * stride_axis, i_axis in [0, extent_axis).
struct Region {
  BufferId buffer;
  Index offset = 0;
  Shape extent;
  Shape strides;
  [[nodiscard]] bool empty() const { return extent.elements() == 0; }
  /// Half-open, in bytes of the buffer; [offset, offset) if empty.
  [[nodiscard]] std::array<Index, 2> bytes(DType dtype) const;
};
Region region(const Trace& trace, const Access& access);
/// The whole view, as a task's argument is seen by the runtime.
Region region(const Trace& trace, const View& view);

/// "indexer/qr_proj": the scope's name behind those of the inline functions that it stands in.
std::string full_name(const Trace& trace, ScopeId scope);
/// "decode_indexer.cpp:123"
std::string to_string(const Location& location);
/// A listing for people: loops, tasks, operations with their operands, one a line.
std::string dump(const Trace& trace, TaskId task);

}  // namespace fulgurite::tile
