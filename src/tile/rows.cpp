#include <algorithm>
#include <limits>

#include "core/float_mode.hpp"
#include "fulgurite/dtype.hpp"
#include "tile/flags.hpp"
#include "tile/operation.hpp"
#include "tile/ops.hpp"

// Reductions over columns, and the products with one number for each row or column.

namespace fulgurite::tile {
namespace {

using detail::Node;
using detail::NodePtr;
using detail::Operation;

const Node& matrix_operand(Operation& operation, const Value& x, std::string_view what) {
  const Node& node = operation.operand(x, what);
  operation.expect_matrix(node, what);
  operation.expect_dtype(node, what, DType::f32);
  return node;
}

float row_maximum(const float* row, Index count) {
  float result = -std::numeric_limits<float>::infinity();
  for (Index col = 0; col < count; ++col) {
    if (row[col] > result || is_nan(row[col])) result = row[col];
    if (is_nan(result)) break;
  }
  return result;
}

float row_total(const float* row, Index count) {
  float result = 0;
  for (Index col = 0; col < count; ++col) result += row[col];
  return result;
}

template <class Reduce>
Tile reduce(OpCode code, const Value& x, Reduce reduce_row, const Where& where) {
  Operation operation(x, "x", code, where);
  const Node& from = matrix_operand(operation, x, "x");
  const Index rows = from.valid[0];
  const Index cols = from.valid[1];
  const NodePtr out = operation.finish(DType::f32, {from.rows(), 1}, {rows, 1});
  detail::mark_invalid(*out);
  if (cols == 0) {
    for (Index row = 0; row < rows; ++row) out->make_undefined()[row] = 1;
  }
  detail::for_each_undefined(from, [&](Index row, Index col) {
    if (row < rows && col < cols) out->make_undefined()[row] = 1;
  });
  if (operation.computes()) {
    const core::FloatMode mode;
    auto* const to = out->data<float>();
    for (Index row = 0; row < from.rows(); ++row) {
      const float* const values = from.data<float>() + row * from.cols();
      to[row] = row < rows ? canonical(reduce_row(values, cols)) : 0.F;
    }
  }
  return Tile(out);
}

}  // namespace

Tile row_max(const Value& x, Where where) { return reduce(OpCode::row_max, x, row_maximum, where); }

Tile row_sum(const Value& x, Where where) { return reduce(OpCode::row_sum, x, row_total, where); }

Tile row_expand_mul(const Value& x, const Value& v, Where where) {
  Operation operation(x, "x", OpCode::row_expand_mul, where);
  const Node& left = matrix_operand(operation, x, "x");
  const Node& right = matrix_operand(operation, v, "v");
  operation.expect_shape(right, "v", {left.rows(), 1});
  const NodePtr out = operation.finish(DType::f32, left.shape,
                                       {std::min(left.valid[0], right.valid[0]), left.valid[1]});
  detail::mark_undefined(*out, left);
  detail::for_each_undefined(right, [&](Index row, Index) {
    for (Index col = 0; col < out->cols(); ++col) {
      out->make_undefined()[row * out->cols() + col] = 1;
    }
  });
  if (operation.computes()) {
    const core::FloatMode mode;
    for (Index row = 0; row < out->rows(); ++row) {
      const float factor = right.data<float>()[row];
      const float* const from = left.data<float>() + row * out->cols();
      float* const to = out->data<float>() + row * out->cols();
      for (Index col = 0; col < out->cols(); ++col) to[col] = canonical(from[col] * factor);
    }
  }
  return Tile(out);
}

Tile col_expand_mul(const Value& x, const Value& v, Where where) {
  Operation operation(x, "x", OpCode::col_expand_mul, where);
  const Node& left = matrix_operand(operation, x, "x");
  const Node& right = matrix_operand(operation, v, "v");
  operation.expect_shape(right, "v", {1, left.cols()});
  const NodePtr out = operation.finish(DType::f32, left.shape,
                                       {left.valid[0], std::min(left.valid[1], right.valid[1])});
  detail::mark_undefined(*out, left);
  detail::for_each_undefined(right, [&](Index, Index col) {
    for (Index row = 0; row < out->rows(); ++row) {
      out->make_undefined()[row * out->cols() + col] = 1;
    }
  });
  if (operation.computes()) {
    const core::FloatMode mode;
    const float* const factors = right.data<float>();
    for (Index row = 0; row < out->rows(); ++row) {
      const float* const from = left.data<float>() + row * out->cols();
      float* const to = out->data<float>() + row * out->cols();
      for (Index col = 0; col < out->cols(); ++col) to[col] = canonical(from[col] * factors[col]);
    }
  }
  return Tile(out);
}

Tile col_expand(const Value& base, const Value& v, Where where) {
  Operation operation(base, "base", OpCode::col_expand, where);
  const Node& left = matrix_operand(operation, base, "base");
  const Node& right = matrix_operand(operation, v, "v");
  operation.expect_shape(right, "v", {1, left.cols()});
  const NodePtr out = operation.finish(DType::f32, left.shape,
                                       {left.valid[0], std::min(left.valid[1], right.valid[1])});
  detail::for_each_undefined(right, [&](Index, Index col) {
    for (Index row = 0; row < out->rows(); ++row) {
      out->make_undefined()[row * out->cols() + col] = 1;
    }
  });
  if (operation.computes()) {
    for (Index row = 0; row < out->rows(); ++row) {
      std::copy_n(right.data<float>(), out->cols(), out->data<float>() + row * out->cols());
    }
  }
  return Tile(out);
}

}  // namespace fulgurite::tile
