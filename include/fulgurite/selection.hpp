#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "fulgurite/export.hpp"
#include "fulgurite/model.hpp"

namespace fulgurite {

/// The score of a row that a token does not see: the lowest finite float.
inline constexpr float kUnseenScore = -3.4028234663852886e38F;
inline constexpr std::int32_t kNoRow = -1;

struct SelectionOptions {
  std::int64_t width = 0;       ///< places per token; 0: the model's topk
  bool scores = false;          ///< keep the score of each selected row
  std::int64_t logit_rows = 0;  ///< keep the scores of all rows, this many per token; 0: none
};

/// What a step selects: for each token its best rows, score descending, then row ascending. Tokens
/// that select nothing have no part in it.
class FULGURITE_API Selection {
 public:
  /// Room for `tokens` tokens. Throws Error(input) if a size is negative or does not fit memory.
  Selection(const ModelShape& shape, std::int64_t tokens, const SelectionOptions& options = {});

  [[nodiscard]] std::int64_t tokens() const { return tokens_; }
  [[nodiscard]] std::int64_t width() const { return width_; }
  [[nodiscard]] std::int64_t logit_rows() const { return logit_rows_; }
  [[nodiscard]] bool has_scores() const { return has_scores_; }

  /// A token outside 0 .. tokens() - 1 is Error(usage) in all three.
  /// The selected rows, plus the batch's offset: min(topk, visible rows) of them.
  [[nodiscard]] std::span<const std::int32_t> rows(std::int64_t token) const;
  /// Their scores, as they were ranked: NaN as -inf, -0 as +0. Only if asked for.
  [[nodiscard]] std::span<const float> scores(std::int64_t token) const;
  /// [logit_rows] scores of all rows of the token, then kUnseenScore. Only if asked for.
  [[nodiscard]] std::span<const float> logits(std::int64_t token) const;

  /// [tokens, width], padded with kNoRow.
  [[nodiscard]] std::span<const std::int32_t> indices() const { return indices_; }

 private:
  friend struct StepAccess;

  void check_token(std::int64_t token) const;

  std::int64_t tokens_;
  std::int64_t width_;
  std::int64_t logit_rows_;
  bool has_scores_;
  std::vector<std::int32_t> indices_;
  std::vector<float> scores_;
  std::vector<float> logits_;
  std::vector<std::int64_t> counts_;
};

}  // namespace fulgurite
