#include "npu/product.hpp"

#include <algorithm>

#include "core/checked.hpp"

namespace fulgurite::npu {

using namespace tile;

namespace {

constexpr Index kFractalRows = 16;
constexpr Index kFractalBytes = 32;  ///< of a row

/// The most of K, in whole fractals, of which both operands fit `copies` times; at least one.
Index largest_step(const Product& product, const Chip& chip, Index copies) {
  const Index unit = kFractalBytes / product.element_bytes;
  const auto most = [&](double bytes, Index extent) {
    return static_cast<Index>(bytes) / (copies * extent * product.element_bytes) / unit * unit;
  };
  const Index step =
      std::min(most(chip.l0a_bytes, product.rows), most(chip.l0b_bytes, product.columns));
  return std::max(step, unit);
}

}  // namespace

Product product(const Trace& trace, const Op& op, const Chip& chip) {
  const std::size_t first = op.code == OpCode::matmul_acc ? 1 : 0;
  const TileRecord& a = trace[op.operands[first]];
  Product result;
  result.rows = a.shape[op.settings.a_trans ? 1 : 0];
  result.depth = a.shape[op.settings.a_trans ? 0 : 1];
  result.columns = trace[op.result].shape[1];
  result.element_bytes = element_bytes(a.dtype);
  result.is_fp32 = a.dtype == DType::f32;
  result.k_step = std::min(result.depth, largest_step(result, chip, 1));
  if (result.k_step < result.depth) result.k_step = largest_step(result, chip, 2);
  result.steps = std::max<Index>(1, core::divide_up(result.depth, result.k_step));
  return result;
}

double multiply_cycles(const Product& product, const Chip& chip) {
  const Index fractals = core::divide_up(product.rows, kFractalRows) *
                         core::divide_up(product.depth * product.element_bytes, kFractalBytes) *
                         core::divide_up(product.columns, kFractalRows);
  const double steps = static_cast<double>(fractals) * (product.is_fp32 ? 2 : 1);
  return chip.mad_head_cycles * static_cast<double>(product.steps) + chip.mad_step_cycles * steps;
}

double move_cycles(const Product& product, const Chip& chip) {
  const auto bytes = static_cast<double>(product.depth * product.element_bytes);
  return bytes * static_cast<double>(product.rows) / chip.l1_to_l0a_bytes_per_cycle +
         bytes * static_cast<double>(product.columns) / chip.l1_to_l0b_bytes_per_cycle;
}

}  // namespace fulgurite::npu
