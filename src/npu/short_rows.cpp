#include <algorithm>

#include "npu/checks.hpp"
#include "npu/grouped.hpp"
#include "npu/regions.hpp"
#include "npu/split.hpp"

// Rows that are too short: for the vector memory, for a transfer, for the cube.

namespace fulgurite::npu {
namespace {

using namespace tile;

/// A [n, 1] tile lies column by column, so that its one column is the row that counts.
bool is_column(const Shape& shape) { return shape.rank() == 2 && shape[1] == 1; }

Index row_elements(const Shape& shape) { return is_column(shape) ? shape[0] : shape.back(); }

bool is_transfer(OpCode code) {
  return code == OpCode::load || code == OpCode::store || code == OpCode::keep;
}

class RowCheck {
 public:
  RowCheck(const Trace& trace, const Chip& chip) : trace_(trace), chip_(chip), findings_(trace) {}

  std::vector<Finding> run() {
    for (const Task& task : trace_.tasks) {
      mode_ = effective_split(trace_, task);
      for (std::int32_t row = task.ops.first; row < task.ops.last; ++row) {
        const Op& op = trace_.ops[static_cast<std::size_t>(row)];
        if (op.result.valid()) check_tile(op);
        if (is_transfer(op.code)) check_transfer(op);
        if (op.code == OpCode::matmul || op.code == OpCode::matmul_acc) check_product(op);
      }
    }
    return findings_.take();
  }

 private:
  [[nodiscard]] std::string who(const Op& op) const {
    return full_name(trace_, trace_[op.task].scope) + " at " + to_string(trace_[op.location]) +
           ": ";
  }
  [[nodiscard]] static std::string bytes(Index count) { return std::to_string(count) + " B"; }

  void check_tile(const Op& op) {
    const TileRecord& tile = trace_[op.result];
    const bool is_used = tile.used_by_cube || tile.used_by_vector;
    if (!is_on_vector_side(tile) || (op.code == OpCode::create_tensor && !is_used)) return;
    const Shape lane = lane_shape(tile.shape, mode_);
    const Index row = row_elements(lane) * element_bytes(tile.dtype);
    const auto unit = static_cast<Index>(chip_.vec_row_bytes);
    const bool is_fine = is_column(lane) ? row >= unit : row >= unit && row % unit == 0;
    if (is_fine) return;
    findings_.add(FindingKind::short_row, tensor_of(trace_, op.result), op, [&] {
      std::string text = who(op) + describe(trace_, op.result) + ", has " +
                         (is_column(lane) ? "a column" : "rows") + " of " + bytes(row);
      if (lane != tile.shape) text += " on each vector core (" + to_string(lane) + ")";
      return text + " in the vector memory, where " +
             (is_column(lane) ? "a column takes at least " : "rows are multiples of ") +
             bytes(unit) + ". Take larger chunks, or split by NONE.";
    });
  }

  void check_transfer(const Op& op) {
    const Access& access = trace_[op.access];
    if (access.extent.elements() == 0) return;
    Region window = region(trace_, access);
    const TileId tile = op.result.valid() ? op.result : op.operands[0];
    const bool is_split = op.side == Side::vector && window.extent == trace_[tile].shape;
    if (is_split) window.extent = lane_shape(window.extent, mode_);
    const Buffer& buffer = trace_[window.buffer];
    const Index row = contiguous_elements(window) * element_bytes(buffer.dtype);
    const auto line = static_cast<Index>(chip_.dma_line_bytes);
    // A store of the valid part only writes fewer bytes of a row that is long enough.
    const bool is_whole = trace_[tile].valid == trace_[tile].shape;
    if (row < static_cast<Index>(chip_.vec_row_bytes) && is_whole) {
      findings_.add(FindingKind::short_row, buffer.name, op, [&] {
        return transfer(op, window, row) + "; a transfer moves at least " +
               bytes(static_cast<Index>(chip_.vec_row_bytes)) +
               " a row. Take wider windows, or single elements by read and write.";
      });
    } else if (row < line && window.extent.elements() * element_bytes(buffer.dtype) > row) {
      findings_.add(FindingKind::short_dma, buffer.name, op, [&] {
        return transfer(op, window, row) + "; the memory moves lines of " + bytes(line) +
               ", so this over-fetches " + std::to_string((line + row - 1) / row) +
               " times. Windows of more columns would help.";
      });
    }
  }

  [[nodiscard]] std::string transfer(const Op& op, const Region& window, Index row) const {
    return who(op) + std::string(name(op.code)) + " of " + npu::describe(trace_, window) +
           " has rows of " + bytes(row);
  }

  /// M and N fill the cube in steps of 16.
  void check_product(const Op& op) {
    const auto step = static_cast<Index>(chip_.acc_rows_align);
    const Shape& product = trace_[op.result].shape;
    if (product[0] % step == 0 && product[1] % step == 0) return;
    findings_.add(FindingKind::padded_cube, {}, op, [&] {
      return who(op) + std::string(name(op.code)) + " makes " + to_string(product) +
             ", and the cube works on multiples of " + std::to_string(step) +
             " rows and columns. Pad the operands by slice with a valid_shape, or take more rows "
             "at a time.";
    });
  }

  const Trace& trace_;
  const Chip& chip_;
  Grouped findings_;
  std::optional<SplitMode> mode_;
};

}  // namespace

std::vector<Finding> find_short_rows(const Trace& trace, const Chip& chip) {
  return RowCheck(trace, chip).run();
}

}  // namespace fulgurite::npu
