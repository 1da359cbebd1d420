#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tile/trace.hpp"

namespace fulgurite::npu {

/// What the runtime finds out about two regions of one buffer.
enum class Overlap : std::uint8_t {
  none,
  some,     ///< or unknown
  covered,  ///< the newer region holds all of the older
};

/// The runtime's test (simpler pto_tensormap.h). Byte ranges come first. Exact intervals of each
/// axis count only if rank and strides agree and both regions are boxes of one row-major array;
/// anything else overlaps. So two reshapes of a buffer conflict wherever their byte ranges meet.
Overlap runtime_overlap(const tile::Region& newer, const tile::Region& older);

/// Where a region starts on each axis of the row-major array that its strides are of, if it is a
/// box of one.
std::optional<tile::Shape> box_start(const tile::Region& region);

/// Whether the two regions have an element in common, whatever their strides.
bool share_elements(const tile::Region& a, const tile::Region& b);

/// Calls visit(first element, number of elements) for each innermost row of a region that is not
/// empty; an innermost axis with gaps gives its elements one by one.
template <class Visit>
void for_each_row(const tile::Region& region, Visit visit) {
  if (region.empty()) return;
  const std::size_t rank = region.extent.rank();
  const bool has_rows = rank > 0 && region.strides.back() == 1;
  const std::size_t outer_axes = has_rows ? rank - 1 : rank;
  const tile::Index length = has_rows ? region.extent.back() : 1;
  tile::Shape at = tile::Shape::filled(rank, 0);
  while (true) {
    tile::Index first = region.offset;
    for (std::size_t axis = 0; axis < outer_axes; ++axis) first += at[axis] * region.strides[axis];
    visit(first, length);
    std::size_t axis = outer_axes;
    while (axis > 0 && ++at[axis - 1] == region.extent[axis - 1]) at[--axis] = 0;
    if (axis == 0) return;
  }
}

/// A maximal stretch of elements that lie side by side.
struct Stretch {
  tile::Index first = 0;
  tile::Index last = 0;  ///< half-open
  friend bool operator==(const Stretch&, const Stretch&) = default;
};
/// The elements of a region, ascending, stretches that meet joined.
std::vector<Stretch> stretches(const tile::Region& region);

/// How many elements lie side by side, from a region's first on: the innermost axis, and those
/// outside of it without a gap.
tile::Index contiguous_elements(const tile::Region& region);

/// "qr_proj[0:256, 64:128]", in axes of the region's own strides; a whole buffer is "qr_proj".
std::string describe(const tile::Trace& trace, const tile::Region& region);

}  // namespace fulgurite::npu
