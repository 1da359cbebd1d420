#pragma once

#include <optional>

#include "tile/trace.hpp"

namespace fulgurite::npu {

/// The split of a mixed kernel's vector side over two cores; none where a scope has none, asks for
/// NONE, or is no mixed kernel.
std::optional<tile::SplitMode> effective_split(const tile::Trace& trace, const tile::Task& task);

/// The axis that a split halves: rows (UP_DOWN) or columns (LEFT_RIGHT).
constexpr std::size_t split_axis(tile::SplitMode mode) {
  return mode == tile::SplitMode::left_right ? 1 : 0;
}

/// The tile lies in the vector memory: made there, loaded there, or popped from the ring.
inline bool is_on_vector_side(const tile::TileRecord& tile) {
  return tile.side == tile::Side::vector || tile.side == tile::Side::both || tile.crosses();
}

/// The compiler's naive rule, which looks at each tile alone: the split axis is halved unless its
/// extent is 1. Tiles of one axis are whole on both cores.
inline bool is_halved(const tile::Shape& shape, std::optional<tile::SplitMode> mode) {
  return mode && shape.rank() >= 2 && shape[split_axis(*mode)] != 1;
}

/// What one vector core holds of it.
tile::Shape lane_shape(const tile::Shape& shape, std::optional<tile::SplitMode> mode);

}  // namespace fulgurite::npu
