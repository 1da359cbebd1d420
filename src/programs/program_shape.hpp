#pragma once

#include "fulgurite/model.hpp"
#include "tile/shape.hpp"

namespace fulgurite::programs {

using tile::Index;

inline constexpr Index kNopeDim = kHeadDim - kRopeDim;  ///< the features that are not rotated

/// The sizes of one step and its scalar arguments; the defaults are those of the seed's test.
struct ProgramShape {
  Index sequences = 64;     ///< B
  Index tokens_each = 2;    ///< S
  Index hidden = 4096;      ///< D
  Index query_rank = 1024;  ///< Q
  Index heads = 64;         ///< H
  Index cache_rows = 2048;  ///< L
  Index topk = 512;         ///< K, at most L
  Index start_pos = 254;    ///< of the first token of every sequence
  Index offset = 128;       ///< added to selected rows
  bool rotate = true;       ///< false: no Hadamard product of the key row

  [[nodiscard]] Index tokens() const { return sequences * tokens_each; }  ///< T
  [[nodiscard]] Index features() const { return heads * kHeadDim; }       ///< H * d

  /// Throws Error(input) or Error(unsupported) that names the size, what was expected and what was
  /// found.
  void validate() const;

  friend bool operator==(const ProgramShape&, const ProgramShape&) = default;
};

}  // namespace fulgurite::programs
