#pragma once

#include "programs/program_shape.hpp"
#include "tile/tile.hpp"

// The rotation of features 64..127 of rows, pair by pair, on the cube: a selection matrix picks the
// even and the odd features, and the same matrix transposed puts them back.

namespace fulgurite::programs {

struct RopeTables {
  tile::Tensor cos, sin;                 ///< [1, 32] FP32
  tile::Tensor even_select, odd_select;  ///< [64, 32] BF16
};

struct RopeTiling {
  bool fuse_slice;
  bool fuse_assemble;
  tile::SplitMode slice_split;
  tile::SplitMode assemble_split;
  Index row_chunk;  ///< of fused kernels
  Index k_step;
  Index stage;
};

/// [rows, 32] BF16 each.
struct RopePair {
  tile::Tensor even;
  tile::Tensor odd;
};

/// rope_slice and rope_apply: the rotated pairs of rows [first, first + rows) of `x` [.., 128].
RopePair rope_slice(tile::Program& pl, const RopeTables& tables, const RopeTiling& tiling,
                    const tile::Tensor& x, Index first, Index rows);

/// rope_assemble and rope_write: stores the pairs as 64 features, from row `first` and column
/// `column` of `out` on.
void rope_assemble(tile::Program& pl, const RopeTables& tables, const RopeTiling& tiling,
                   const RopePair& pair, const tile::Tensor& out, Index first, Index column);

}  // namespace fulgurite::programs
