#include "npu/kernel_values.hpp"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "core/checked.hpp"
#include "npu/split.hpp"

namespace fulgurite::npu {

using namespace tile;

namespace {

Index whole(double number) { return static_cast<Index>(number); }

bool is_widening(const Trace& trace, const Op& op) {
  return op.code == OpCode::cast &&
         element_bytes(trace[op.operands[0]].dtype) < element_bytes(trace[op.result].dtype);
}

/// The result may not lie where an operand lay.
bool is_never_in_place(const Trace& trace, const Op& op) {
  switch (op.code) {
    case OpCode::row_max:
    case OpCode::row_sum:
    case OpCode::recip:
    case OpCode::sort32:
    case OpCode::mrgsort:
    case OpCode::mrgsort_lists:
    case OpCode::gather_mask:
    case OpCode::gather_index:
      return true;
    default:
      return is_widening(trace, op);
  }
}

/// The result may not lie where the operand behind the first lay.
bool keeps_vector_operand(OpCode code) {
  return code == OpCode::row_expand_mul || code == OpCode::col_expand_mul ||
         code == OpCode::col_expand;
}

/// The second tile that the operation works in, as one core holds it; rank 0: none.
Shape scratch_shape(const Trace& trace, const Op& op, const Chip& chip,
                    std::optional<SplitMode> split) {
  switch (op.code) {
    case OpCode::row_max:
    case OpCode::row_sum: {
      Shape shape = lane_shape(trace[op.operands[0]].shape, split);
      shape[1] = std::max(shape[1], whole(chip.reduce_scratch_cols));
      return shape;
    }
    case OpCode::sort32:
    case OpCode::mrgsort:
    case OpCode::mrgsort_lists:
    case OpCode::gather_mask:
    case OpCode::gather_index:
      return lane_shape(trace[op.result].shape, split);
    default:
      return {};
  }
}

/// Where one execution stands: the iterations of the repeated loops around it, outermost first.
struct ValuePlace {
  LoopId loop;
  Index ordinal = 0;
};
using ValuePlaces = std::vector<ValuePlace>;

class ValuesBuilder {
 public:
  ValuesBuilder(const Trace& trace, TaskId id, const Chip& chip, std::optional<SplitMode> split)
      : trace_(trace), task_(trace[id]), chip_(chip) {
    result_.text = kernel_text(trace, id);
    result_.split = split;
  }

  KernelValues build() {
    result_.touches.reserve(result_.text.executions.size());
    for (const Execution& execution : result_.text.executions) {
      touches_ = {};
      reads_ = writes_ = 0;
      touches_.round = round_of(execution);
      if (execution.moved.valid()) {
        move(execution);
      } else {
        execute(execution);
      }
      result_.touches.push_back(touches_);
    }
    settle();
    return std::move(result_);
  }

 private:
  struct Cell {
    std::int32_t parent;
    std::int32_t first_statement;
    std::int32_t text_loop = -1;  ///< the pipeline that it has copies for
    bool is_carried = false;      ///< from one iteration to the next
    bool is_popped = false;
    bool is_stored = false;
    KernelValue value;
  };
  struct Use {
    std::int32_t cell;
    std::int32_t statement;
  };

  // ---- Cells: values, joined where they are one variable

  std::int32_t root(std::int32_t cell) {
    while (cells_[at(cell)].parent != cell) cell = cells_[at(cell)].parent;
    return cell;
  }
  static std::size_t at(std::int32_t number) { return static_cast<std::size_t>(number); }

  void join(std::int32_t a, std::int32_t b) {
    a = root(a);
    b = root(b);
    if (a == b || cells_[at(a)].value.space != cells_[at(b)].value.space) return;
    if (cells_[at(b)].first_statement < cells_[at(a)].first_statement) std::swap(a, b);
    Cell& kept = cells_[at(a)];
    const Cell& gone = cells_[at(b)];
    kept.value.bytes = std::max(kept.value.bytes, gone.value.bytes);
    kept.value.copies = std::max(kept.value.copies, gone.value.copies);
    kept.value.first_time = std::min(kept.value.first_time, gone.value.first_time);
    kept.value.last_time = std::max(kept.value.last_time, gone.value.last_time);
    kept.is_carried |= gone.is_carried;
    kept.is_popped |= gone.is_popped;
    kept.is_stored |= gone.is_stored;
    cells_[at(b)].parent = a;
  }

  std::int32_t cell_of(std::int32_t statement, Space space, bool is_scratch, TileId tile,
                       const Shape& shape, bool is_early) {
    const auto key = std::make_tuple(statement, space, is_scratch);
    const auto known = cell_of_.find(key);
    if (known != cell_of_.end()) return known->second;
    const auto number = static_cast<std::int32_t>(cells_.size());
    Cell cell{.parent = number, .first_statement = statement, .value = {}};
    cell.value.space = space;
    cell.value.tile = tile;
    cell.value.dtype = trace_[tile].dtype;
    cell.value.shape = shape;
    cell.value.bytes = bytes_of(space, cell.value.dtype, shape);
    cell.value.is_scratch = is_scratch;
    cell.value.first_time = 2 * statement + (is_early ? 0 : 1);
    cell.value.last_time = 2 * statement + 1;
    cells_.push_back(cell);
    cell_of_.emplace(key, number);
    return number;
  }

  /// Accumulators have whole fractals.
  [[nodiscard]] Index bytes_of(Space space, DType dtype, const Shape& shape) const {
    if (space != Space::l0c) return shape.elements() * element_bytes(dtype);
    const Index rows =
        whole(dtype == DType::i32 ? chip_.acc_rows_align_int32 : chip_.acc_rows_align);
    return core::round_up(shape[0], rows) * core::round_up(shape[1], 16) * element_bytes(dtype);
  }

  // ---- Executions

  void read(std::int32_t cell, std::int32_t statement) {
    touches_.reads[at(reads_++)] = cell;
    uses_.push_back({cell, statement});
  }
  void write(std::int32_t cell) { touches_.writes[at(writes_++)] = cell; }

  [[nodiscard]] TileId base(TileId tile) const {
    while (trace_[tile].view_of.valid()) tile = trace_[tile].view_of;
    return tile;
  }

  /// Where an operation on `side` finds the tile.
  std::int32_t find(TileId tile, Side side) {
    const bool is_moved = (side == Side::vector && trace_[tile].side == Side::cube) ||
                          (side == Side::cube && trace_[tile].side == Side::vector);
    const auto& homes = is_moved ? moved_ : side == Side::cube ? cube_ : vector_;
    return homes.at((is_moved ? tile : base(tile)).value);
  }

  void move(const Execution& execution) {
    const bool to_vector = trace_[execution.op].side == Side::vector;
    const TileRecord& tile = trace_[execution.moved];
    read(find(execution.moved, to_vector ? Side::cube : Side::vector), execution.statement);
    const Space space = to_vector ? Space::vec : Space::l1;
    const Shape shape = to_vector ? lane_shape(tile.shape, result_.split) : tile.shape;
    const std::int32_t cell =
        cell_of(execution.statement, space, false, execution.moved, shape, false);
    cells_[at(cell)].is_popped = true;
    write(cell);
    moved_[execution.moved.value] = cell;
    (to_vector ? result_.ring.to_vector : result_.ring.to_cube) = true;
    result_.ring.slot_bytes =
        std::max(result_.ring.slot_bytes, tile.shape.elements() * element_bytes(tile.dtype));
  }

  void execute(const Execution& execution) {
    const Op& op = trace_[execution.op];
    std::int32_t first_read = -1;
    for (std::int32_t i = 0; i < op.operand_count; ++i) {
      const TileId operand = op.operands[at(i)];
      if (!operand.valid()) continue;
      const std::int32_t cell = find(operand, op.side);
      if (i == 0) first_read = cell;
      read_variable(execution, op, operand, cell, i);
    }
    if (op.code == OpCode::store || op.code == OpCode::keep) {
      cells_[at(root(first_read))].is_stored = true;
    }
    if (op.result.valid()) make_results(execution, op);
    const Shape scratch = scratch_shape(trace_, op, chip_, result_.split);
    if (scratch.rank() > 0) {
      const TileId like = op.operands[0];
      write(cell_of(execution.statement, Space::vec, true, like, scratch, true));
    }
  }

  /// An operand that has several makers in the text is one variable, and so are its values.
  void read_variable(const Execution& execution, const Op& op, TileId operand, std::int32_t cell,
                     std::int32_t operand_number) {
    read(cell, execution.statement);
    const auto [entry, is_first] =
        variables_.try_emplace({execution.statement, operand_number}, cell);
    if (!is_first) join(entry->second, cell);
    const std::int32_t loop = carrying_loop(execution, op, operand);
    if (loop < 0) return;
    KernelValue& value = cells_[at(root(cell))].value;
    cells_[at(root(cell))].is_carried = true;
    value.first_time = std::min(value.first_time, 2 * result_.text.loops[at(loop)].first);
    value.last_time = std::max(value.last_time, 2 * result_.text.loops[at(loop)].last + 1);
  }

  void make_results(const Execution& execution, const Op& op) {
    const TileRecord& tile = trace_[op.result];
    const bool on_cube = op.side == Side::cube || op.side == Side::both;
    const bool on_vector = op.side == Side::vector || op.side == Side::both;
    if (tile.replaces.valid()) {
      const std::int32_t cell = find(tile.replaces, op.side);
      (on_cube ? cube_ : vector_)[op.result.value] = cell;
      write(cell);
      return;
    }
    const bool is_early = is_never_in_place(trace_, op);
    if (on_cube) {
      const bool is_product = op.code == OpCode::matmul || op.code == OpCode::matmul_acc;
      make(execution, op, is_product ? Space::l0c : Space::l1, tile.shape, is_early);
    }
    if (on_vector) {
      make(execution, op, Space::vec, lane_shape(tile.shape, result_.split), is_early);
    }
  }

  void make(const Execution& execution, const Op& op, Space space, const Shape& shape,
            bool is_early) {
    const std::int32_t cell =
        cell_of(execution.statement, space, false, op.result, shape, is_early);
    (space == Space::vec ? vector_ : cube_)[op.result.value] = cell;
    write(cell);
    const bool is_load = op.code == OpCode::load;
    const std::int32_t loop = pipeline_of(execution.statement);
    if (loop >= 0 && !is_whole_load(trace_, op)) {
      Cell& made = cells_[at(cell)];
      made.text_loop = loop;
      if (is_load) made.value.copies = result_.text.loops[at(loop)].stage;
    }
    if (keeps_vector_operand(op.code) && op.operand_count > 1) {
      result_.excluded.emplace_back(cell, touches_.reads[1]);
    }
  }

  // ---- Loops

  [[nodiscard]] std::int32_t pipeline_of(std::int32_t statement) const {
    std::int32_t loop = result_.text.loop_of[at(statement)];
    while (loop >= 0 && result_.text.loops[at(loop)].kind != LoopKind::pipeline) {
      loop = result_.text.loops[at(loop)].parent;
    }
    return loop;
  }

  [[nodiscard]] ValuePlaces places(IterationId id) const {
    ValuePlaces result;
    while (id != task_.iteration) {
      const Iteration& iteration = trace_[id];
      const Loop& loop = trace_[iteration.loop];
      if (loop.kind != LoopKind::unroll && loop.kind != LoopKind::spmd) {
        result.push_back({iteration.loop, iteration.ordinal});
      }
      id = loop.enclosing;
    }
    std::reverse(result.begin(), result.end());
    return result;
  }

  [[nodiscard]] Index round_of(const Execution& execution) const {
    const std::int32_t pipeline = pipeline_of(execution.statement);
    if (pipeline < 0) return 0;
    std::size_t depth = 0;
    for (std::int32_t at_loop = result_.text.loops[at(pipeline)].parent; at_loop >= 0;
         at_loop = result_.text.loops[at(at_loop)].parent) {
      ++depth;
    }
    return places(trace_[execution.op].iteration)[depth].ordinal;
  }

  /// The loop of the text from whose earlier iteration the operand comes; -1 if from none.
  [[nodiscard]] std::int32_t carrying_loop(const Execution& execution, const Op& op,
                                           TileId operand) const {
    const Op& maker = trace_[trace_[base(operand)].producer];
    if (maker.iteration == op.iteration || is_whole_load(trace_, maker)) return -1;
    const ValuePlaces from = places(maker.iteration);
    const ValuePlaces to = places(op.iteration);
    std::size_t level = 0;
    while (level < from.size() && level < to.size() && from[level].loop == to[level].loop &&
           from[level].ordinal == to[level].ordinal) {
      ++level;
    }
    if (level >= from.size() || level >= to.size() || from[level].loop != to[level].loop) return -1;
    std::int32_t loop = result_.text.loop_of[at(execution.statement)];
    for (std::size_t up = to.size(); up > level + 1; --up) {
      loop = result_.text.loops[at(loop)].parent;
    }
    return loop;
  }

  // ---- The end: lives, and cells as rows

  void settle() {
    for (const Use& use : uses_) extend(cells_[at(root(use.cell))], use.statement);
    for (std::size_t row = 0; row < cells_.size(); ++row) {
      Cell& cell = cells_[row];
      if (cell.parent != static_cast<std::int32_t>(row) || cell.text_loop < 0) continue;
      const TextLoop& loop = result_.text.loops[at(cell.text_loop)];
      // The copies of a pipelined loop's body store at its end, so what they store coexists.
      if (cell.is_stored && !cell.is_carried) cell.value.copies = loop.stage;
      if (cell.value.copies == 1) continue;
      cell.value.first_time = std::min(cell.value.first_time, 2 * loop.first);
      cell.value.last_time = std::max(cell.value.last_time, 2 * loop.last + 1);
    }
    std::vector<std::int32_t> row_of(cells_.size(), -1);
    for (std::size_t row = 0; row < cells_.size(); ++row) {
      if (cells_[row].parent != static_cast<std::int32_t>(row)) continue;
      row_of[row] = static_cast<std::int32_t>(result_.values.size());
      result_.values.push_back(cells_[row].value);
    }
    const auto settled = [&](std::int32_t& cell) {
      if (cell >= 0) cell = row_of[at(root(cell))];
    };
    for (Touches& touches : result_.touches) {
      for (std::int32_t& cell : touches.reads) settled(cell);
      for (std::int32_t& cell : touches.writes) settled(cell);
    }
    for (auto& [a, b] : result_.excluded) {
      settled(a);
      settled(b);
    }
  }

  /// A value from before a loop that is used in it lives to the loop's end; the slot of a popped
  /// tile is freed right after its last reader.
  void extend(Cell& cell, std::int32_t statement) {
    std::int32_t last = 2 * statement + (cell.is_popped ? 1 : 0);
    for (std::int32_t loop = result_.text.loop_of[at(statement)]; loop >= 0;
         loop = result_.text.loops[at(loop)].parent) {
      if (result_.text.contains(loop, cell.first_statement)) break;
      last = std::max(last, 2 * result_.text.loops[at(loop)].last + 1);
    }
    cell.value.last_time = std::max(cell.value.last_time, last);
  }

  const Trace& trace_;
  const Task& task_;
  const Chip& chip_;
  KernelValues result_;
  std::vector<Cell> cells_;
  std::map<std::tuple<std::int32_t, Space, bool>, std::int32_t> cell_of_;
  std::map<std::pair<std::int32_t, std::int32_t>, std::int32_t> variables_;
  std::unordered_map<std::int32_t, std::int32_t> cube_;    ///< by tile: its cell
  std::unordered_map<std::int32_t, std::int32_t> vector_;  ///< by tile: its cell
  std::unordered_map<std::int32_t, std::int32_t> moved_;   ///< by tile: its latest copy
  std::vector<Use> uses_;
  Touches touches_;
  std::int32_t reads_ = 0;
  std::int32_t writes_ = 0;
};

}  // namespace

KernelValues kernel_values(const Trace& trace, TaskId task, const Chip& chip,
                           std::optional<SplitMode> split) {
  return ValuesBuilder(trace, task, chip, split).build();
}

}  // namespace fulgurite::npu
