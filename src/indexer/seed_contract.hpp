#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "fulgurite/decode_batch.hpp"
#include "fulgurite/dtype.hpp"
#include "fulgurite/model.hpp"
#include "fulgurite/tensor.hpp"
#include "fulgurite/weights.hpp"
#include "indexer/plan.hpp"

namespace fulgurite {

/// One step in the dense form of the seed: the tensors of pypto-lib's decode_indexer, as views of
/// the caller's memory. B sequences of S tokens, T = B*S, D hidden, Q query rank, H heads, L cache
/// rows. Only here are caches dense, `inner_kv` written and scores padded.
struct SeedInput {
  TensorView<const Bf16, 3> x;                   ///< [B, S, D]
  TensorView<const std::int8_t, 2> qr;           ///< [T, Q]
  TensorView<const float, 2> qr_scale;           ///< [T, 1]
  TensorView<const std::int8_t, 2> wq_b;         ///< [Q, H*128]
  TensorView<const float, 1> wq_b_scale;         ///< [H*128]
  TensorView<const Bf16, 2> weights_proj;        ///< [D, H]
  TensorView<const float, 2> cos;                ///< [1, 32]
  TensorView<const float, 2> sin;                ///< [1, 32]
  TensorView<const Bf16, 2> even_select;         ///< [64, 32], optional: empty
  TensorView<const Bf16, 2> odd_select;          ///< [64, 32], optional: empty
  TensorView<const Bf16, 2> hadamard;            ///< [128, 128]
  TensorView<const float, 3> inner_kv;           ///< [B, S, 128], optional: empty
  TensorView<const float, 3> inner_kv_state;     ///< [B, 8, 256]
  TensorView<const float, 3> inner_score_state;  ///< [B, 8, 256]
  TensorView<const Bf16, 2> inner_wkv;           ///< [D, 256]
  TensorView<const Bf16, 2> inner_wgate;         ///< [D, 256]
  TensorView<const float, 2> inner_ape;          ///< [4, 256]
  TensorView<const float, 1> inner_norm_w;       ///< [128]
  TensorView<const Bf16, 3> idx_kv_cache;        ///< [B, L, 128]
  std::int64_t start_pos = 0;                    ///< of the first token of every sequence
  std::int64_t offset = 0;                       ///< added to selected rows
  bool inner_rotate = true;                      ///< false: no Hadamard product of the key row
  std::int64_t topk = 512;

  [[nodiscard]] std::int64_t batch() const { return x.extent(0); }
  [[nodiscard]] std::int64_t tokens_each() const { return x.extent(1); }
  [[nodiscard]] std::int64_t tokens() const { return batch() * tokens_each(); }
  [[nodiscard]] std::int64_t cache_rows() const { return idx_kv_cache.extent(1); }
  /// (start_pos + S) div 4, for every token of the step.
  [[nodiscard]] std::int64_t visible_rows() const { return (start_pos + tokens_each()) / kRatio; }

  /// Throws Error(input or unsupported) that names the tensor unless everything fits together.
  /// Everything below expects a validated input.
  void validate() const;

  [[nodiscard]] ModelShape shape() const;
  [[nodiscard]] Recipe recipe() const;
  [[nodiscard]] IndexerWeights weights() const;
  [[nodiscard]] DecodeBatch decode_batch() const;
};

/// What the step returns, in the seed's dense form.
struct SeedOutput {
  std::vector<Bf16> idx_kv_cache;        ///< [B, L, 128]
  std::vector<float> score;              ///< [B, S, L], padded with kUnseenScore
  std::vector<std::int32_t> topk_idxs;   ///< [B, S, L], padded with kNoRow
  std::vector<float> inner_kv;           ///< [B, S, 128]
  std::vector<float> inner_kv_state;     ///< [B, 8, 256]
  std::vector<float> inner_score_state;  ///< [B, 8, 256]

  /// The cache and states as they came, scores and selections all padding.
  explicit SeedOutput(const SeedInput& input);

  /// Stores key row `row` of sequence b: bf16 into the cache, fp32 into token slot 0 of inner_kv.
  void store_key_row(const SeedInput& input, std::int64_t b, std::int64_t row,
                     std::span<const float> values);
};

namespace reference {
/// The step by the definition.
SeedOutput seed_step(const SeedInput& input);
}  // namespace reference

}  // namespace fulgurite
