#pragma once

#include "programs/program_shape.hpp"
#include "tile/tile.hpp"

namespace fulgurite::programs {

/// Stage `select`: the best topk rows of each token, plus the offset, padded with -1.
void topk(tile::Program& pl, const ProgramShape& shape, const tile::Tensor& score_flat,
          const tile::Tensor& topk_idxs_flat, Index cache_len);

}  // namespace fulgurite::programs
