#pragma once

#include <array>
#include <vector>

#include "tile/operation.hpp"
#include "tile/value.hpp"

namespace fulgurite::tile::detail {

/// Where a window lies in an array.
struct WindowPlace {
  Shape start;
  Shape extent;  ///< of every axis; 1 where there is an index
  Shape shape;   ///< of the window: without the indexed axes
  std::array<bool, Shape::kMaxRank> is_dropped{};

  /// All of an array.
  static WindowPlace whole(const Shape& shape) {
    return {Shape::filled(shape.rank(), 0), shape, shape, {}};
  }
  /// `values`, one for each axis of the window, brought to the axes of the array.
  [[nodiscard]] Shape spread(const Shape& values, Index dropped) const {
    Shape result;
    std::size_t own = 0;
    for (std::size_t axis = 0; axis < extent.rank(); ++axis) {
      result.push_back(is_dropped[axis] ? dropped : values[own++]);
    }
    return result;
  }
};

/// Refuses, in the name of `operation`, what is out of bounds, has a step or too many indices.
WindowPlace place_window(const Operation& operation, const Shape& shape,
                         const std::vector<Slice>& slices);

/// Refuses a tensor that is an input.
void expect_writable(const Operation& operation, const Node& tensor);

/// A load of a window of `tensor` into a tile of this scope, of shape `shape`. What the window
/// leaves over of it is neither valid nor defined.
NodePtr load_window(Recorder& recorder, const Node& tensor, const WindowPlace& place,
                    const Shape& shape, bool is_whole, const Where& where);
/// Writes the valid part of `tile`, the operation's operand, to a window of `tensor`, and records
/// the operation.
void store_window(Operation& operation, const Node& tensor, const WindowPlace& place,
                  const Node& tile, bool is_whole);
/// The same of a tile, the operation's operand.
NodePtr slice_tile(Operation& operation, const WindowPlace& place, const Shape& shape);
/// A tile with a window replaced.
NodePtr insert_tile(Operation& operation, const NodePtr& base, const WindowPlace& place,
                    const Node& tile);

}  // namespace fulgurite::tile::detail
