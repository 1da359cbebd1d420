#include <algorithm>
#include <limits>

#include "tile/element.hpp"
#include "tile/operation.hpp"
#include "tile/program.hpp"

namespace fulgurite::tile {

using detail::NodePtr;
using detail::Operation;

Tile Program::full(const Shape& shape, DType dtype, Number value, Where where) {
  Operation operation(*recorder_, OpCode::full, where);
  operation.require_scope();
  operation.expect_extents(shape);
  if (element_bytes(dtype) > 4 || dtype == DType::boolean) {
    operation.refuse("dtype: expected a type of at most 32 bits, found " +
                     std::string(tile::name(dtype)));
  }
  operation.operand(value, dtype);
  if (!detail::fits(dtype, value.value())) {
    operation.refuse("value: expected one of " + std::string(tile::name(dtype)) + ", found " +
                     std::to_string(value.value()));
  }
  const NodePtr out = operation.finish(dtype, shape);
  if (operation.computes()) {
    detail::visit_type(dtype, [&]<class T>(T) {
      std::fill_n(out->data<T>(), out->elements(), detail::from_double<T>(value.value()));
    });
  }
  return Tile(out);
}

Tile Program::arange(Index start, const Shape& shape, DType dtype, Where where) {
  Operation operation(*recorder_, OpCode::arange, where);
  operation.require_scope();
  if (dtype != DType::i16 && dtype != DType::i32 && dtype != DType::u16 && dtype != DType::u32) {
    operation.refuse("dtype: expected INT16, INT32, UINT16 or UINT32, found " +
                     std::string(tile::name(dtype)));
  }
  if (shape.rank() != 2 || shape[0] != 1 || shape[1] <= 1) {
    operation.refuse("shape: expected [1, n] with n > 1, found " + to_string(shape));
  }
  const Index last = start + shape[1] - 1;
  if (!detail::fits(dtype, static_cast<double>(start)) ||
      !detail::fits(dtype, static_cast<double>(last))) {
    operation.refuse("start: " + std::to_string(start) + " .. " + std::to_string(last) +
                     " does not fit " + std::string(tile::name(dtype)));
  }
  operation.settings().parameter = start;
  const NodePtr out = operation.finish(dtype, shape);
  if (operation.computes()) {
    detail::visit_type(dtype, [&]<class T>(T) {
      for (Index i = 0; i < shape[1]; ++i) {
        out->data<T>()[i] = detail::from_double<T>(static_cast<double>(start + i));
      }
    });
  }
  return Tile(out);
}

}  // namespace fulgurite::tile
