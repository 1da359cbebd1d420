#pragma once

#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "npu/kernel_text.hpp"
#include "npu/memory.hpp"

namespace fulgurite::npu {

/// A value that needs room in a memory of a core, and how long it lives. Times are twice the
/// number of a statement, plus one for what it writes: so a result may take the place of an operand
/// that dies there.
struct KernelValue {
  Space space = Space::vec;
  tile::TileId tile;  ///< the first time
  tile::DType dtype = tile::DType::f32;
  tile::Shape shape;  ///< as one core holds it
  tile::Index bytes = 0;
  tile::Index copies = 1;  ///< a pipelined loop has several in flight
  bool is_scratch = false;
  std::int32_t first_time = 0;
  std::int32_t last_time = 0;
};

/// What one execution touches, as rows of KernelValues::values.
struct Touches {
  std::array<std::int32_t, 4> reads{-1, -1, -1, -1};
  std::array<std::int32_t, 3> writes{-1, -1, -1};  ///< results on both sides, and scratch
  /// Which copy, of values that have several: how many iterations of their loop went before.
  tile::Index round = 0;
};

struct KernelValues {
  KernelText text;
  std::optional<tile::SplitMode> split;
  std::vector<KernelValue> values;
  std::vector<Touches> touches;  ///< by execution
  /// Pairs that may not share a buffer even where one ends as the other begins.
  std::vector<std::pair<std::int32_t, std::int32_t>> excluded;
  Ring ring;  ///< without its slots
};

KernelValues kernel_values(const tile::Trace& trace, tile::TaskId task, const Chip& chip,
                           std::optional<tile::SplitMode> split);

}  // namespace fulgurite::npu
