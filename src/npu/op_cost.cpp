#include "npu/op_cost.hpp"

#include <algorithm>
#include <cmath>

#include "npu/split.hpp"

namespace fulgurite::npu {

using namespace tile;

namespace {

/// How often `unit` bytes or elements go into `number`, rounded up.
double times(double number, double unit) { return std::ceil(number / unit); }

/// The shapes of one operation as one vector core sees them.
class VectorOp {
 public:
  VectorOp(const Trace& trace, const Op& op, std::optional<SplitMode> split, const Chip& chip)
      : trace_(trace), op_(op), split_(split), chip_(chip) {}

  [[nodiscard]] double cycles() const {
    const Chip& c = chip_;
    switch (op_.code) {
      case OpCode::add:
      case OpCode::sub:
        return op_.settings.has_number ? flat(c.add_scalar_slope, c.add_scalar_fixed)
                                       : by_rows(c.add_slope, c.add_fixed);
      case OpCode::mul:
        return op_.settings.has_number ? flat(c.mul_scalar_slope, c.mul_scalar_fixed)
                                       : by_rows(c.mul_slope, c.mul_fixed);
      case OpCode::div:
        return op_.settings.has_number ? flat(c.div_slope, c.div_fixed)
                                       : by_rows(c.div_slope, c.div_fixed);
      case OpCode::maximum:
        return op_.settings.has_number ? flat(c.max_scalar_slope, c.max_scalar_fixed)
                                       : by_rows(c.max_slope, c.max_fixed);
      case OpCode::recip:
        return flat(c.div_slope, c.div_fixed);
      case OpCode::neg:
        return flat(c.mul_scalar_slope, c.mul_scalar_fixed);
      case OpCode::exp:
      case OpCode::sqrt:
        return flat(c.exp_slope, c.exp_fixed);
      case OpCode::abs:
        return flat(c.abs_slope, c.abs_fixed);
      case OpCode::cast:
        return flat(c.cast_slope, c.cast_fixed);
      case OpCode::full:
      case OpCode::arange:
      case OpCode::fillpad:
        return flat(c.full_slope, c.full_fixed);
      case OpCode::insert:
        return flat_of(op_.operands[1], c.full_slope, c.full_fixed);
      case OpCode::col_expand:
        return by_rows(c.full_slope, c.full_fixed);
      case OpCode::row_expand_mul:
        return c.expand_cycles + by_rows(c.mul_slope, c.mul_fixed);
      case OpCode::col_expand_mul:
        return by_rows(c.mul_slope, c.mul_fixed);
      case OpCode::row_max:
        return row_reduction();
      case OpCode::row_sum:
        return row_reduction() + c.row_sum_extra;
      default:
        return permutation();
    }
  }

 private:
  [[nodiscard]] Shape shape(TileId tile) const { return lane_shape(trace_[tile].shape, split_); }
  [[nodiscard]] double bytes(TileId tile) const {
    return static_cast<double>(shape(tile).elements() * element_bytes(trace_[tile].dtype));
  }

  /// Over the whole tile at once; of two types, the wider one counts.
  [[nodiscard]] double flat(double slope, double fixed) const {
    double most = bytes(op_.result);
    if (op_.operand_count > 0 && op_.operands[0].valid() && op_.code == OpCode::cast) {
      most = std::max(most, bytes(op_.operands[0]));
    }
    return slope * times(most, chip_.repeat_bytes) + fixed;
  }
  [[nodiscard]] double flat_of(TileId tile, double slope, double fixed) const {
    return slope * times(bytes(tile), chip_.repeat_bytes) + fixed;
  }

  /// Row by row, as operations on two tiles go.
  [[nodiscard]] double by_rows(double slope, double fixed) const {
    const Shape result = shape(op_.result);
    const auto row_bytes =
        static_cast<double>(result.back() * element_bytes(trace_[op_.result].dtype));
    const double rows = static_cast<double>(result.elements()) / static_cast<double>(result.back());
    const double repeats = times(row_bytes, chip_.repeat_bytes);
    const bool is_partial = repeats * chip_.repeat_bytes != row_bytes;
    return slope * rows * repeats + fixed + (is_partial ? chip_.partial_repeat_cycles : 0);
  }

  [[nodiscard]] double row_reduction() const {
    const Chip& c = chip_;
    const Shape x = shape(op_.operands[0]);
    const auto rows = static_cast<double>(x[0]);
    if (x[1] <= 32) return c.row_reduce_cycles * rows + c.row_reduce_fixed_32;
    if (x[1] <= 64) return c.row_reduce_cycles * rows + c.row_reduce_fixed_64;
    if (x[1] <= 128) return c.row_reduce_cycles_128 * rows + c.row_reduce_fixed_128;
    return c.row_reduce_element_cycles * static_cast<double>(x.elements()) +
           c.row_reduce_element_fixed;
  }

  [[nodiscard]] double permutation() const {
    const Chip& c = chip_;
    switch (op_.code) {
      case OpCode::sort32:
        return c.sort32_cycles * times(static_cast<double>(shape(op_.operands[0]).elements()), 32) +
               c.sort32_fixed;
      case OpCode::mrgsort:
      case OpCode::mrgsort_lists:
        return c.mrgsort_cycles * times(static_cast<double>(shape(op_.result).elements()), 256) +
               c.mrgsort_fixed;
      case OpCode::gather_mask:
        return flat_of(op_.operands[0], c.gather_mask_slope, c.gather_mask_fixed);
      case OpCode::gather_index:
      case OpCode::scatter:
        return c.gather_row_cycles * static_cast<double>(shape(op_.result)[0]) + c.gather_fixed;
      default:
        return 0;
    }
  }

  const Trace& trace_;
  const Op& op_;
  std::optional<SplitMode> split_;
  const Chip& chip_;
};

}  // namespace

double vector_cycles(const Trace& trace, const Op& op, std::optional<SplitMode> split,
                     const Chip& chip) {
  return VectorOp(trace, op, split, chip).cycles();
}

double fixpipe_cycles(Index rows, Index columns, Index element_bytes, const Chip& chip) {
  const auto row_bytes = static_cast<double>(columns * element_bytes);
  double row_cycles =
      std::max(chip.fixpipe_row_cycles, row_bytes / chip.fixpipe_row_bytes_per_cycle);
  if ((columns + 7) / 8 % 2 != 0) row_cycles += chip.fixpipe_odd_row_cycles;
  const auto row_count = static_cast<double>(rows);
  return std::max(chip.fixpipe_fixed_cycles + row_count * row_cycles,
                  row_count * row_bytes / chip.fixpipe_bytes_per_cycle);
}

}  // namespace fulgurite::npu
