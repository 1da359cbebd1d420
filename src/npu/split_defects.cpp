#include "npu/checks.hpp"
#include "npu/grouped.hpp"
#include "npu/split.hpp"

// What halving a kernel's vector tiles one by one makes wrong. The compiler decides for each tile
// alone which axis is halved, so every operation that moves data along that axis can end up with
// operands and results that disagree.

namespace fulgurite::npu {
namespace {

using namespace tile;

bool works_along_columns(OpCode code) {
  switch (code) {
    case OpCode::row_max:
    case OpCode::row_sum:
    case OpCode::sort32:
    case OpCode::mrgsort:
    case OpCode::mrgsort_lists:
    case OpCode::gather_mask:
    case OpCode::gather_index:
    case OpCode::scatter:
      return true;
    default:
      return false;
  }
}

/// Halves of the two shapes hold the same elements.
bool halves_agree(const Shape& from, const Shape& to, SplitMode mode) {
  if (is_halved(from, mode) != is_halved(to, mode)) return false;
  if (!is_halved(from, mode) || mode == SplitMode::up_down) return true;
  return from == to;  // halves of columns lie apart in row-major order
}

class SplitCheck {
 public:
  explicit SplitCheck(const Trace& trace) : trace_(trace), findings_(trace) {}

  std::vector<Finding> run() {
    for (const Task& task : trace_.tasks) {
      const std::optional<SplitMode> mode = effective_split(trace_, task);
      if (!mode) continue;
      mode_ = *mode;
      for (std::int32_t row = task.ops.first; row < task.ops.last; ++row) {
        check(trace_.ops[static_cast<std::size_t>(row)]);
      }
    }
    return findings_.take();
  }

 private:
  [[nodiscard]] bool is_split(TileId id) const {
    return id.valid() && is_on_vector_side(trace_[id]) && is_halved(trace_[id].shape, mode_);
  }
  [[nodiscard]] std::string who(const Op& op) const {
    return full_name(trace_, trace_[op.task].scope) + " at " + to_string(trace_[op.location]) +
           " (" + std::string(name(mode_)) + "): ";
  }
  [[nodiscard]] std::string lane(TileId id) const {
    return to_string(lane_shape(trace_[id].shape, mode_));
  }

  void check(const Op& op) {
    check_odd(op);
    if (works_along_columns(op.code)) check_reduction(op);
    if (op.code == OpCode::reshape) check_reshape(op);
    if (op.code == OpCode::slice || op.code == OpCode::insert) check_window(op);
  }

  void check_odd(const Op& op) {
    if (!is_split(op.result)) return;
    const Index extent = trace_[op.result].shape[split_axis(mode_)];
    if (extent % 2 == 0) return;
    findings_.add(FindingKind::split_odd, tensor_of(trace_, op.result), op, [&] {
      return who(op) + std::to_string(extent) + (split_axis(mode_) == 0 ? " rows" : " columns") +
             " of " + describe(trace_, op.result) +
             " cannot be halved over two vector cores. Choose chunks with an even extent, or "
             "split by NONE.";
    });
  }

  void check_reduction(const Op& op) {
    if (mode_ != SplitMode::left_right || !is_split(op.operands[0])) return;
    findings_.add(FindingKind::split_reduction, {}, op, [&] {
      return who(op) + std::string(name(op.code)) + " works along the columns of " +
             describe(trace_, op.operands[0]) + ", of which each vector core holds only " +
             lane(op.operands[0]) + ". Split by UP_DOWN, which keeps rows whole, or by NONE.";
    });
  }

  void check_reshape(const Op& op) {
    const TileId from = op.operands[0];
    if (!is_on_vector_side(trace_[from]) && !is_on_vector_side(trace_[op.result])) return;
    if (halves_agree(trace_[from].shape, trace_[op.result].shape, mode_)) return;
    findings_.add(FindingKind::split_reshape, {}, op, [&] {
      return who(op) + "reshape of " + describe(trace_, from) + ", to " +
             to_string(trace_[op.result].shape) +
             " is halved shape by shape, so a vector core has " + lane(from) + " of the one and " +
             lane(op.result) +
             " of the other: the result is wrong and no tool says so. Split by NONE, or keep the "
             "vector in one orientation.";
    });
  }

  /// A window that leaves out a part of the axis that is not split, or of a tile that is split
  /// already a part of the axis that is.
  void check_window(const Op& op) {
    const TileId base = op.operands[0];
    const bool is_base_split = is_split(base);
    if (!is_base_split && !is_split(op.result)) return;
    const Shape& extent = trace_[op.window].extent;
    const Shape& whole = trace_[base].shape;
    bool is_cut = false;
    for (std::size_t axis = 0; axis < whole.rank(); ++axis) {
      if (extent[axis] == whole[axis]) continue;
      is_cut |= axis != split_axis(mode_) || is_base_split;
    }
    if (!is_cut) return;
    findings_.add(FindingKind::split_window, tensor_of(trace_, base), op, [&] {
      return who(op) + "the window " + to_string(trace_[op.window].start) + " +" +
             to_string(extent) + " of " + describe(trace_, base) + " cuts a tile of which " +
             (is_base_split ? "each vector core holds one half"
                            : "the cube pushes windows that the vector cores halve") +
             (mode_ == SplitMode::up_down
                  ? ". Sub-views of columns come out wrong under UP_DOWN, without an error. Take "
                    "windows of rows with all columns"
                  : ". Sub-views of rows come out wrong under LEFT_RIGHT, without an error. Take "
                    "windows of columns with all rows") +
             " from the accumulator, or split by NONE.";
    });
  }

  const Trace& trace_;
  Grouped findings_;
  SplitMode mode_ = SplitMode::none;
};

}  // namespace

std::vector<Finding> find_split_defects(const Trace& trace) { return SplitCheck(trace).run(); }

}  // namespace fulgurite::npu
