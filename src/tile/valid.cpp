#include <algorithm>
#include <cstring>
#include <limits>

#include "tile/element.hpp"
#include "tile/flags.hpp"
#include "tile/operation.hpp"
#include "tile/ops.hpp"

namespace fulgurite::tile {
namespace {

using detail::Node;
using detail::NodePtr;
using detail::Operation;

/// What fillpad writes into elements of type T.
template <class T>
T pad(PadValue value) {
  if (value == PadValue::zero) return T{};
  const bool is_max = value == PadValue::max;
  if constexpr (std::is_integral_v<T>) {
    return is_max ? std::numeric_limits<T>::max() : std::numeric_limits<T>::min();
  } else {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    return detail::from_double<T>(is_max ? kInfinity : -kInfinity);
  }
}

template <class T>
void fill_outside(T* to, const Node& from, T value) {
  const Index cols = from.cols();
  for (Index row = 0; row < from.rows(); ++row) {
    const Index kept = row < from.valid[0] ? from.valid[1] : 0;
    std::fill(to + row * cols + kept, to + (row + 1) * cols, value);
  }
}

}  // namespace

Tile set_validshape(const Value& x, Index rows, Index cols, Where where) {
  Operation operation(x, "x", OpCode::set_validshape, where);
  const Node& from = operation.operand(x, "x");
  operation.expect_matrix(from, "x");
  if (rows < 0 || cols < 0 || rows > from.rows() || cols > from.cols()) {
    operation.refuse("valid shape: expected one within " + to_string(from.shape) + ", found [" +
                     std::to_string(rows) + ", " + std::to_string(cols) + "]");
  }
  return Tile(operation.finish_view(operation.operand_node(0), from.shape, {rows, cols}));
}

Tile fillpad(const Value& x, PadValue pad_value, Where where) {
  Operation operation(x, "x", OpCode::fillpad, where);
  const Node& from = operation.operand(x, "x");
  operation.expect_matrix(from, "x");
  if (pad_value == PadValue::null) {
    operation.refuse("pad_value: expected zero, max or min, found null");
  }
  operation.settings().pad = pad_value;
  const NodePtr out = operation.finish(from.dtype, from.shape);
  if (operation.computes()) {
    std::memcpy(out->data<std::byte>(), from.data<std::byte>(),
                static_cast<std::size_t>(from.elements() * element_bytes(from.dtype)));
    detail::visit_type(from.dtype,
                       [&]<class T>(T) { fill_outside(out->data<T>(), from, pad<T>(pad_value)); });
  }
  if (from.undefined() != nullptr) {
    detail::mark_undefined(*out, from);
    fill_outside(out->make_undefined(), from, std::uint8_t{0});
  }
  return Tile(out);
}

}  // namespace fulgurite::tile
