#pragma once

#include "programs/forms.hpp"
#include "programs/query.hpp"

namespace fulgurite::programs {

/// Rows of the key cache that the tokens of this step see, the same for all.
struct VisibleRows {
  Index cache_len = 0;     ///< rows
  Index cache_blocks = 0;  ///< cache tiles that hold them
};

/// Stage `score`: of every token with every visible row; other rows get the lowest finite float.
void score(tile::Program& pl, const ProgramShape& shape, const ProgramOptions& options,
           const QuantizedQuery& query, const tile::Tensor& weights,
           const tile::Tensor& kv_cache_flat, const tile::Tensor& score_flat,
           const VisibleRows& visible);

}  // namespace fulgurite::programs
