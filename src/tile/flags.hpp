#pragma once

#include "tile/node.hpp"

namespace fulgurite::tile::detail {

/// The extents that are valid in both.
inline Shape common_valid(const Shape& x, const Shape& y) {
  Shape valid = x;
  for (std::size_t axis = 0; axis < x.rank(); ++axis) {
    if (y[axis] < x[axis]) valid[axis] = y[axis];
  }
  return valid;
}

/// Elements of `out` are undefined where those of `from`, of as many elements, are.
inline void mark_undefined(const Node& out, const Node& from) {
  const std::uint8_t* flags = from.undefined();
  if (flags == nullptr) return;
  std::uint8_t* const marks = out.make_undefined();
  for (Index i = 0; i < out.elements(); ++i) marks[i] |= flags[i];
}

/// Calls visit(row, column) for each undefined element of a matrix.
template <class Visit>
void for_each_undefined(const Node& node, const Visit& visit) {
  const std::uint8_t* flags = node.undefined();
  if (flags == nullptr) return;
  for (Index row = 0; row < node.rows(); ++row) {
    for (Index col = 0; col < node.cols(); ++col) {
      if (flags[row * node.cols() + col] != 0) visit(row, col);
    }
  }
}

/// Marks the elements of a matrix that lie outside of its valid region.
inline void mark_invalid(const Node& out) {
  if (out.is_fully_valid()) return;
  std::uint8_t* const marks = out.make_undefined();
  for (Index row = 0; row < out.rows(); ++row) {
    for (Index col = 0; col < out.cols(); ++col) {
      if (row >= out.valid[0] || col >= out.valid[1]) marks[row * out.cols() + col] = 1;
    }
  }
}

}  // namespace fulgurite::tile::detail
