#pragma once

#include "programs/forms.hpp"
#include "programs/rope.hpp"

namespace fulgurite::programs {

/// The compressor's parameters, in its own order. start_pos and rotate are in the shape.
struct CompressorTensors {
  tile::Tensor x;            ///< [B, S, D] BF16
  tile::Tensor kv;           ///< [B, S, 128] FP32, token 0 of each sequence is written
  tile::Tensor kv_state;     ///< [B, 8, 256] FP32, read and written
  tile::Tensor score_state;  ///< [B, 8, 256] FP32, read and written
  tile::Tensor wkv;          ///< [D, 256] BF16
  tile::Tensor wgate;        ///< [D, 256] BF16
  tile::Tensor ape;          ///< [4, 256] FP32
  tile::Tensor norm_w;       ///< [128] FP32
  RopeTables rope;
  tile::Tensor hadamard;  ///< [128, 128] BF16
  tile::Tensor kv_cache;  ///< [B, L, 128] BF16, one row of each sequence is written
};

/// Stage `compress`: the states take the step's tokens, and a window that closes becomes a row of
/// the cache. Written as the body of an inline function; the caller names it.
void indexer_compressor(tile::Program& pl, const ProgramShape& shape, const ProgramOptions& options,
                        const CompressorTensors& tensors);

}  // namespace fulgurite::programs
