#include <algorithm>
#include <cstring>

#include "tile/flags.hpp"
#include "tile/operation.hpp"
#include "tile/ops.hpp"

// gather and scatter: columns by a mask or by an index.

namespace fulgurite::tile {
namespace {

using detail::Node;
using detail::NodePtr;
using detail::Operation;

/// Columns first, first + step, ...
struct Mask {
  Index first;
  Index step;
};

Mask mask_of(const Operation& operation, MaskPattern pattern) {
  switch (pattern) {
    case MaskPattern::P0101:
      return {0, 2};
    case MaskPattern::P1010:
      return {1, 2};
    case MaskPattern::P0001:
      return {0, 4};
    case MaskPattern::P0010:
      return {1, 4};
    case MaskPattern::P0100:
      return {2, 4};
    case MaskPattern::P1000:
      return {3, 4};
    case MaskPattern::P1111:
      return {0, 1};
  }
  operation.refuse("mask_pattern: expected 1 .. 7, found " +
                   std::to_string(static_cast<int>(pattern)));
}

/// Copies elements and their flags from one tile to another.
class Mover {
 public:
  Mover(const Node& from, const Node& to)
      : from_(from), to_(to), bytes_(static_cast<std::size_t>(element_bytes(from.dtype))) {}

  void move(Index from, Index to) const {
    if (to_.has_numbers()) {
      std::memcpy(to_.data<std::byte>() + static_cast<std::size_t>(to) * bytes_,
                  from_.data<std::byte>() + static_cast<std::size_t>(from) * bytes_, bytes_);
    }
    const bool is_undefined = from_.undefined() != nullptr && from_.undefined()[from] != 0;
    if (is_undefined || to_.undefined() != nullptr) {
      to_.make_undefined()[to] = is_undefined ? 1 : 0;
    }
  }

 private:
  const Node& from_;
  const Node& to_;
  std::size_t bytes_;
};

/// How many of the first `count` columns a mask keeps.
Index kept_of(Index count, const Mask& mask) {
  return count <= mask.first ? 0 : (count - mask.first + mask.step - 1) / mask.step;
}

}  // namespace

Tile gather(const Value& x, MaskPattern mask_pattern, std::optional<DType> output_dtype,
            Where where) {
  Operation operation(x, "x", OpCode::gather_mask, where);
  const Node& from = operation.operand(x, "x");
  operation.expect_matrix(from, "x");
  const Mask mask = mask_of(operation, mask_pattern);
  if (from.cols() % mask.step != 0) {
    operation.refuse("x: expected a multiple of " + std::to_string(mask.step) + " columns for " +
                     std::string(name(mask_pattern)) + ", found " + to_string(from.shape));
  }
  const DType dtype = output_dtype.value_or(from.dtype);
  if (element_bytes(dtype) != element_bytes(from.dtype) || dtype == DType::boolean) {
    operation.refuse("output_dtype: expected a type as wide as " + std::string(name(from.dtype)) +
                     ", found " + std::string(name(dtype)));
  }
  operation.settings().mask = mask_pattern;
  const NodePtr out = operation.finish(dtype, {from.rows(), from.cols() / mask.step},
                                       {from.valid[0], kept_of(from.valid[1], mask)});
  const Mover mover(from, *out);
  if (!operation.computes() && from.undefined() == nullptr) return Tile(out);
  for (Index row = 0; row < out->rows(); ++row) {
    for (Index col = 0; col < out->cols(); ++col) {
      mover.move(row * from.cols() + mask.first + col * mask.step, row * out->cols() + col);
    }
  }
  return Tile(out);
}

Tile gather(const Value& x, const GatherIndex& by, Where where) {
  Operation operation(x, "x", OpCode::gather_index, where);
  const Node& from = operation.operand(x, "x");
  const Node& index = operation.operand(by.index, "index");
  operation.expect_matrix(from, "x");
  operation.expect_matrix(index, "index");
  operation.expect_dtype(index, "index", DType::i32);
  if (by.dim != -1 && by.dim != 1) {
    operation.refuse("dim: expected the last axis, found " + std::to_string(by.dim));
  }
  if (index.rows() != from.rows()) {
    operation.refuse("index: expected " + std::to_string(from.rows()) + " rows, found " +
                     to_string(index.shape));
  }
  if (operation.computes()) {
    for (Index at = 0; at < index.elements(); ++at) {
      const bool counts = index.undefined() == nullptr || index.undefined()[at] == 0;
      const bool is_valid =
          at / index.cols() < index.valid[0] && at % index.cols() < index.valid[1];
      const Index column = index.data<std::int32_t>()[at];
      if (counts && is_valid && (column < 0 || column >= from.cols())) {
        operation.refuse("index: expected columns of " + to_string(from.shape) + ", found " +
                         std::to_string(column));
      }
    }
  }
  const NodePtr out = operation.finish(from.dtype, index.shape,
                                       {std::min(index.valid[0], from.valid[0]), index.valid[1]});
  if (!operation.computes()) {
    // Where each element comes from is not known, so a row is undefined if anything of it is.
    detail::mark_undefined(*out, index);
    detail::for_each_undefined(from, [&](Index row, Index) {
      std::memset(out->make_undefined() + row * out->cols(), 1,
                  static_cast<std::size_t>(out->cols()));
    });
    return Tile(out);
  }
  const Mover mover(from, *out);
  for (Index at = 0; at < index.elements(); ++at) {
    const Index column = std::clamp<Index>(index.data<std::int32_t>()[at], 0, from.cols() - 1);
    mover.move(at / index.cols() * from.cols() + column, at);
  }
  detail::mark_undefined(*out, index);
  return Tile(out);
}

Tile scatter(const Value& x, MaskPattern mask_pattern, const Value& dst, Where where) {
  Operation operation(x, "x", OpCode::scatter, where);
  const Node& from = operation.operand(x, "x");
  const Node& before = operation.operand(dst, "dst");
  operation.expect_matrix(from, "x");
  const Mask mask = mask_of(operation, mask_pattern);
  operation.expect_dtype(before, "dst", from.dtype);
  operation.expect_shape(before, "dst", {from.rows(), from.cols() * mask.step});
  operation.settings().mask = mask_pattern;
  const NodePtr out = operation.finish(from.dtype, before.shape, before.valid, before.tile);
  detail::mark_undefined(*out, before);
  if (operation.computes()) {
    std::memcpy(out->data<std::byte>(), before.data<std::byte>(),
                static_cast<std::size_t>(out->elements() * element_bytes(out->dtype)));
  }
  const Mover mover(from, *out);
  for (Index row = 0; row < from.rows(); ++row) {
    for (Index col = 0; col < from.cols(); ++col) {
      mover.move(row * from.cols() + col, row * out->cols() + mask.first + col * mask.step);
    }
  }
  return Tile(out);
}

}  // namespace fulgurite::tile
