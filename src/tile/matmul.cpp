#include <algorithm>
#include <cstring>
#include <vector>

#include "fulgurite/dtype.hpp"
#include "tile/flags.hpp"
#include "tile/operation.hpp"
#include "tile/ops.hpp"
#include "tile/product.hpp"

namespace fulgurite::tile {
namespace {

using detail::Node;
using detail::NodePtr;
using detail::Operation;
using detail::ProductSize;

struct Operands {
  const Node& a;
  const Node& b;
  bool a_trans;
  bool b_trans;
  ProductSize size;
};

Operands take_operands(Operation& operation, const Value& a_value, const Value& b_value,
                       bool a_trans, bool b_trans) {
  const Node& a = operation.operand(a_value, "a");
  const Node& b = operation.operand(b_value, "b");
  operation.settings().a_trans = a_trans;
  operation.settings().b_trans = b_trans;
  operation.expect_matrix(a, "a");
  operation.expect_matrix(b, "b");
  if (a.dtype != b.dtype) {
    operation.refuse("a and b: expected one type, found " + std::string(name(a.dtype)) + " and " +
                     std::string(name(b.dtype)));
  }
  if (a.dtype != DType::i8 && a.dtype != DType::bf16) {
    operation.refuse("a and b: expected INT8 or BF16, found " + std::string(name(a.dtype)),
                     ErrorKind::unsupported);
  }
  const Index a_inner = a.shape[a_trans ? 0 : 1];
  const Index b_inner = b.shape[b_trans ? 1 : 0];
  if (a_inner != b_inner) {
    operation.refuse("inner sizes differ: a" + std::string(a_trans ? " (transposed)" : "") +
                     " is " + to_string(a.shape) + ", b" + (b_trans ? " (transposed)" : "") +
                     " is " + to_string(b.shape));
  }
  if (a.dtype == DType::bf16 && a_inner % 2 != 0) {
    operation.refuse("K: expected an even number, found " + std::to_string(a_inner) +
                         "; the sum of BF16 products goes by pairs",
                     ErrorKind::unsupported);
  }
  return {a, b, a_trans, b_trans, {a.shape[a_trans ? 1 : 0], a_inner, b.shape[b_trans ? 0 : 1]}};
}

DType sum_type(const Operands& operands) {
  return operands.a.dtype == DType::i8 ? DType::i32 : DType::f32;
}

/// Row-major [rows, cols] as [cols, rows].
template <class T>
const T* transposed(const Node& node, std::vector<T>& memory) {
  const Index rows = node.rows();
  const Index cols = node.cols();
  memory.resize(static_cast<std::size_t>(rows * cols));
  const T* from = node.data<T>();
  for (Index row = 0; row < rows; ++row) {
    for (Index col = 0; col < cols; ++col) {
      memory[static_cast<std::size_t>(col * rows + row)] = from[row * cols + col];
    }
  }
  return memory.data();
}

template <class T, class Sum>
void multiply(const Operands& operands, Sum* c) {
  thread_local std::vector<T> a_memory;
  thread_local std::vector<T> b_memory;
  const T* a = operands.a_trans ? transposed(operands.a, a_memory) : operands.a.data<T>();
  const T* b = operands.b_trans ? transposed(operands.b, b_memory) : operands.b.data<T>();
  detail::multiply(operands.size, a, b, c);
}

void compute(const Operands& operands, const Node& out) {
  if (operands.a.dtype == DType::i8) {
    multiply<std::int8_t>(operands, out.data<std::int32_t>());
    return;
  }
  auto* const sums = out.data<float>();
  multiply<Bf16>(operands, sums);
  std::transform(sums, sums + out.elements(), sums, [](float sum) { return canonical(sum); });
}

/// A row of a and a column of b make their row and column of the result undefined.
void mark_product(const Node& out, const Operands& operands) {
  const auto mark_row = [&](Index row) {
    std::memset(out.make_undefined() + row * out.cols(), 1, static_cast<std::size_t>(out.cols()));
  };
  const auto mark_column = [&](Index col) {
    std::uint8_t* const marks = out.make_undefined();
    for (Index row = 0; row < out.rows(); ++row) marks[row * out.cols() + col] = 1;
  };
  detail::for_each_undefined(operands.a,
                             [&](Index row, Index col) { mark_row(operands.a_trans ? col : row); });
  detail::for_each_undefined(
      operands.b, [&](Index row, Index col) { mark_column(operands.b_trans ? row : col); });
}

Shape valid_product(const Operands& operands) {
  return {operands.a.valid[operands.a_trans ? 1 : 0], operands.b.valid[operands.b_trans ? 0 : 1]};
}

void note_orientations(Operation& operation, const Operands& operands) {
  operation.recorder().note_orientation(operation.id(), operands.a.tile, operands.a_trans);
  operation.recorder().note_orientation(operation.id(), operands.b.tile, operands.b_trans);
}

}  // namespace

Tile matmul(const Value& a, const Value& b, const MatmulOptions& options, Where where) {
  Operation operation(a, "a", OpCode::matmul, where);
  const Operands operands = take_operands(operation, a, b, options.a_trans, options.b_trans);
  const DType sum = sum_type(operands);
  if (!options.out_dtype.has_value()) {
    operation.refuse("out_dtype: missing; without it the result would have the type of a and b");
  }
  if (*options.out_dtype != sum) {
    operation.refuse("out_dtype: expected " + std::string(name(sum)) + " for " +
                         std::string(name(operands.a.dtype)) + ", found " +
                         std::string(name(*options.out_dtype)),
                     ErrorKind::unsupported);
  }
  if (options.c_matrix_nz) {
    operation.refuse("c_matrix_nz: this layout is not modelled", ErrorKind::unsupported);
  }
  const NodePtr out =
      operation.finish(sum, {operands.size.m, operands.size.n}, valid_product(operands));
  note_orientations(operation, operands);
  mark_product(*out, operands);
  if (operation.computes()) {
    std::memset(out->data<std::byte>(), 0, static_cast<std::size_t>(out->elements()) * 4);
    compute(operands, *out);
  }
  return Tile(out);
}

Tile matmul_acc(const Value& acc, const Value& a, const Value& b, const MatmulAccOptions& options,
                Where where) {
  Operation operation(acc, "acc", OpCode::matmul_acc, where);
  const Node& before = operation.operand(acc, "acc");
  const Operands operands = take_operands(operation, a, b, options.a_trans, options.b_trans);
  operation.expect_dtype(before, "acc", sum_type(operands));
  operation.expect_shape(before, "acc", {operands.size.m, operands.size.n});
  const NodePtr out =
      operation.finish(before.dtype, before.shape,
                       detail::common_valid(before.valid, valid_product(operands)), before.tile);
  note_orientations(operation, operands);
  detail::mark_undefined(*out, before);
  mark_product(*out, operands);
  if (operation.computes()) {
    std::memcpy(out->data<std::byte>(), before.data<std::byte>(),
                static_cast<std::size_t>(out->elements()) * 4);
    compute(operands, *out);
  }
  return Tile(out);
}

}  // namespace fulgurite::tile
