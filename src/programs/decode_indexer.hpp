#pragma once

#include "programs/forms.hpp"
#include "programs/rope.hpp"

namespace fulgurite::programs {

/// The parameters of the entry, in its order. Its scalars are in the shape.
struct IndexerTensors {
  tile::Tensor x;                  ///< [B, S, D] BF16
  tile::Tensor qr;                 ///< [T, Q] INT8
  tile::Tensor qr_scale;           ///< [T, 1] FP32
  tile::Tensor wq_b;               ///< [Q, H*128] INT8
  tile::Tensor wq_b_scale;         ///< [H*128] FP32
  tile::Tensor weights_proj;       ///< [D, H] BF16
  RopeTables rope;                 ///< cos, sin, even_select, odd_select
  tile::Tensor hadamard;           ///< [128, 128] BF16
  tile::Tensor inner_kv;           ///< [B, S, 128] FP32
  tile::Tensor inner_kv_state;     ///< [B, 8, 256] FP32
  tile::Tensor inner_score_state;  ///< [B, 8, 256] FP32
  tile::Tensor inner_wkv;          ///< [D, 256] BF16
  tile::Tensor inner_wgate;        ///< [D, 256] BF16
  tile::Tensor inner_ape;          ///< [4, 256] FP32
  tile::Tensor inner_norm_w;       ///< [128] FP32
  tile::Tensor idx_kv_cache;       ///< [B, L, 128] BF16, read and written
  tile::Tensor score;              ///< [B, S, L] FP32, written
  tile::Tensor topk_idxs;          ///< [B, S, L] INT32, written
};

/// The decode step of the indexer, with the compressor inside. Shape and options must be valid.
void decode_indexer(tile::Program& pl, const ProgramShape& shape, const ProgramOptions& options,
                    const IndexerTensors& tensors);

}  // namespace fulgurite::programs
