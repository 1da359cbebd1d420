#pragma once

#include <cstdint>
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

/// Whether the two regions have an element in common, whatever their strides.
bool share_elements(const tile::Region& a, const tile::Region& b);

/// A maximal stretch of elements that lie side by side.
struct Stretch {
  tile::Index first = 0;
  tile::Index last = 0;  ///< half-open
  friend bool operator==(const Stretch&, const Stretch&) = default;
};
/// The elements of a region, ascending, stretches that meet joined.
std::vector<Stretch> stretches(const tile::Region& region);

/// "qr_proj[0:256, 64:128]", in axes of the region's own strides; a whole buffer is "qr_proj".
std::string describe(const tile::Trace& trace, const tile::Region& region);

}  // namespace fulgurite::npu
