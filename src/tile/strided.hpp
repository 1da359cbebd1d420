#pragma once

#include <cstddef>
#include <cstring>

#include "tile/shape.hpp"

namespace fulgurite::tile::detail {

/// The offset of `start` in an array of these strides.
inline Index offset_of(const Shape& start, const Shape& strides) {
  Index offset = 0;
  for (std::size_t axis = 0; axis < start.rank(); ++axis) offset += start[axis] * strides[axis];
  return offset;
}

/// Calls row(at) for each index `at` of all axes but the last.
template <class Row>
void for_each_row(const Shape& extent, const Row& row) {
  if (extent.elements() == 0) return;
  Shape at = Shape::filled(extent.rank(), 0);
  while (true) {
    row(at);
    bool is_last = true;
    for (std::size_t axis = extent.rank(); axis-- > 1;) {
      if (++at[axis - 1] < extent[axis - 1]) {
        is_last = false;
        break;
      }
      at[axis - 1] = 0;
    }
    if (is_last) return;
  }
}

/// Copies the elements [0, extent) between two strided arrays of elements of `bytes` bytes.
inline void copy_strided(void* to, const Shape& to_strides, const void* from,
                         const Shape& from_strides, const Shape& extent, Index bytes) {
  auto* const target = static_cast<std::byte*>(to);
  const auto* const source = static_cast<const std::byte*>(from);
  const Index to_step = to_strides.back();
  const Index from_step = from_strides.back();
  const Index count = extent.back();
  for_each_row(extent, [&](const Shape& at) {
    std::byte* const to_row = target + offset_of(at, to_strides) * bytes;
    const std::byte* const from_row = source + offset_of(at, from_strides) * bytes;
    if (to_step == 1 && from_step == 1) {
      std::memcpy(to_row, from_row, static_cast<std::size_t>(count * bytes));
      return;
    }
    for (Index i = 0; i < count; ++i) {
      std::memcpy(to_row + i * to_step * bytes, from_row + i * from_step * bytes,
                  static_cast<std::size_t>(bytes));
    }
  });
}

/// Sets the bytes [0, extent) of a strided array.
inline void fill_strided(std::uint8_t* to, const Shape& strides, const Shape& extent,
                         std::uint8_t value) {
  for_each_row(extent, [&](const Shape& at) {
    std::uint8_t* const row = to + offset_of(at, strides);
    if (strides.back() == 1) {
      std::memset(row, value, static_cast<std::size_t>(extent.back()));
      return;
    }
    for (Index i = 0; i < extent.back(); ++i) row[i * strides.back()] = value;
  });
}

}  // namespace fulgurite::tile::detail
