#pragma once

#include <cstdint>
#include <vector>

#include "core/aligned_buffer.hpp"
#include "cpu/kernels.hpp"
#include "cpu/pack_weights.hpp"
#include "fulgurite/executor.hpp"
#include "fulgurite/weights.hpp"
#include "indexer/rotation.hpp"

namespace fulgurite::cpu {

/// The weights of an indexer in the form that the kernels read, prepared once.
struct PackedModel {
  PackedModel(const ModelShape& shape, const IndexerWeights& weights, const Recipe& recipe,
              Executor& executor);

  [[nodiscard]] bool has_int8_query() const { return !query.empty(); }

  [[nodiscard]] Rotation rotation() const;
  [[nodiscard]] std::int64_t bytes() const;

  core::AlignedBuffer<std::uint8_t> query;        ///< wq_b of INT8
  std::vector<float> query_scale;                 ///< [H*128]
  core::AlignedBuffer<std::uint16_t> query_bf16;  ///< wq_b of BF16
  std::vector<ExponentRange> query_exponents;     ///< of each block of 16 columns
  core::AlignedBuffer<float> query_wide;          ///< wq_b of BF16 for sums in fp32
  /// wq_b of E4M3 as bf16, which holds its numbers exactly: a matrix for each 128 features of qr.
  core::AlignedBuffer<std::uint16_t> query_blocks;
  std::vector<float> query_block_scale;         ///< [H, Q/128 rounded up]
  core::AlignedBuffer<std::uint16_t> hidden;    ///< wkv, wgate and weights_proj side by side
  std::vector<ExponentRange> hidden_exponents;  ///< of each block of 16 columns
  std::int64_t hidden_columns;                  ///< 512 + H, rounded up to a block
  std::vector<float> ape;                       ///< [4, 256]
  std::vector<float> norm;                      ///< [128]
  HadamardMatrix hadamard;
  core::AlignedBuffer<std::uint16_t> hadamard_lines;  ///< unless butterflies do
  float head_factor;                                  ///< 1 / sqrt(128 * H)
};

}  // namespace fulgurite::cpu
