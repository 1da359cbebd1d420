#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <vector>

#include "fulgurite/dtype.hpp"
#include "fulgurite/model.hpp"
#include "fulgurite/tensor.hpp"

namespace fulgurite {

/// cos and sin of one position, per rotated pair.
struct RopeAngle {
  std::array<float, kRopePairs> cos{};
  std::array<float, kRopePairs> sin{};
};

/// How a step's positions become visible rows, angles and windows.
enum class Policy {
  causal,  ///< serving: each token sees only its own past; any number of windows may close
  seed,    ///< the seed kernel's habits: one position and angle for all; see docs/numerics.md
};

/// The tokens that one sequence brings to a step.
struct SequenceTokens {
  std::int64_t sequence = 0;  ///< its number in the KeyCache and the CompressorState
  std::int64_t position = 0;  ///< of its first token, 0-based
  std::int64_t tokens = 1;    ///< how many follow one another, 0 allowed
  /// The first of them that select nothing, of a prompt all or all but the last, say. They leave
  /// rows and state as any token does, but no query is computed for them.
  std::int64_t unselected = 0;
};

/// Told how a step gets on, by the thread that called it: `done` of `total` tokens. It must not
/// throw, nor can it stop the step, for a step that has begun to write cannot be taken back: who
/// wants to stop decodes a prompt in several steps, which gives the same bits.
using Progress = std::function<void(std::int64_t done, std::int64_t total)>;

/// One step's input: which sequences bring how many tokens, and the tokens' rows. Token t is the
/// t-th over `sequences`, in order. The arrays stay the caller's.
struct DecodeBatch {
  std::vector<SequenceTokens> sequences = {};
  TensorView<const Bf16, 2> x = {};  ///< [T, D] hidden state after the attention norm
  /// [T, Q] query latent: quantised, with a scale for each token, if wq_b is INT8; else BF16. Rows
  /// of tokens that select nothing may hold anything; if none selects, it may be empty.
  TensorView<const std::int8_t, 2> qr = {};
  TensorView<const float, 1> qr_scale = {};  ///< [T]
  TensorView<const Bf16, 2> qr_bf16 = {};
  /// [selected_tokens(), N] which rows each token may select of those that it sees: rows
  /// mask_rows * i .. mask_rows * (i + 1) - 1 where entry i is not 0. The others are to it as rows
  /// that it does not see. N * mask_rows is at least the rows that any token sees. Empty: all rows.
  TensorView<const std::uint8_t, 2> row_mask = {};
  std::int64_t mask_rows = 1;  ///< 1 to 65,536; the fewer, the more memory and time masks take
  std::int64_t offset = 0;     ///< added to every selected row number
  Policy policy = Policy::causal;
  RopeAngle angle = {};  ///< policy `seed` only: the one angle of the step

  /// T, the number of rows that x, qr and qr_scale must have.
  [[nodiscard]] std::int64_t tokens() const {
    std::int64_t total = 0;
    for (const SequenceTokens& each : sequences) total += each.tokens;
    return total;
  }
  /// Whether the mask lets the index-th token that selects have the row.
  [[nodiscard]] bool may_select(std::int64_t index, std::int64_t row) const {
    return row_mask.empty() || row_mask(index, row / mask_rows) != 0;
  }
  /// The tokens that select rows: those that a Selection must have, in the same order.
  [[nodiscard]] std::int64_t selected_tokens() const {
    std::int64_t total = 0;
    for (const SequenceTokens& each : sequences) total += each.tokens - each.unselected;
    return total;
  }
};

}  // namespace fulgurite
