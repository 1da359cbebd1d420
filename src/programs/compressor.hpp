#pragma once

#include "programs/indexer_compressor.hpp"

// What the files of the compressor share.

namespace fulgurite::programs::compressor {

/// Scalars of a step.
struct Step {
  Index ape_row;       ///< of the first token: its place in the window
  Index pre_tokens;    ///< tokens until the window closes
  Index scatter_stop;  ///< of them those of this step
  Index cache_col;     ///< the row that the window becomes
  bool closes;
};

struct Compressor {
  tile::Program& pl;
  const ProgramShape& shape;
  const ProgramOptions& options;
  const CompressorTensors& in;
  Step step;
  tile::Tensor x_flat;            ///< [T, D]
  tile::Tensor kv_flat;           ///< [T, 128]
  tile::Tensor kv_cache_flat;     ///< [B*L, 128]
  tile::Tensor kv_state_flat;     ///< [B, 8*256], slot after slot
  tile::Tensor score_state_flat;  ///< the same
  tile::Tensor norm_w;            ///< [1, 128]
  tile::Tensor kv_proj;           ///< [T, 256] FP32
  tile::Tensor score_proj;        ///< [T, 256] FP32
  tile::Tensor kv_proj3;          ///< the same as [B, S, 256]
  tile::Tensor score_proj3;
  tile::Tensor pooled_kv;  ///< [B, 128] FP32
  tile::Tensor normed_kv;  ///< [B, 128] BF16
  tile::Tensor kv_final;   ///< [B, 128] FP32

  [[nodiscard]] Index sequences() const { return shape.sequences; }
};

/// From pooled_kv to the row in the cache: rmsnorm, rope, Hadamard, and the write.
void key_row(const Compressor& c);

}  // namespace fulgurite::programs::compressor
