#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace fulgurite::app {

/// Scores and selections of one step: `rows` of each per token, as `step` pads them.
struct SelectionData {
  std::span<const float> score;
  std::span<const std::int32_t> topk_idxs;
};

/// How many tokens select the same in two outputs.
struct SelectionComparison {
  std::int64_t tokens = 0;
  std::int64_t equal = 0;
  std::int64_t reordered = 0;   ///< the same rows in another order, among ties and near ties
  std::int64_t other_rows = 0;  ///< other rows, all as good as the k-th within the tolerance
  std::int64_t different = 0;
  std::string first_difference;  ///< of a `different` token

  [[nodiscard]] bool same() const { return different == 0; }
};

/// The number that selected rows are raised by: it makes the first pick of a token the row of its
/// best score. Nothing if no token selects a row.
std::optional<std::int64_t> infer_offset(const SelectionData& data, std::int64_t rows);

/// Two picks at the same place may be two rows if a's scores of them differ by no more than twice
/// rtol * the token's largest |score|: each run's scores may be off by once that. This covers the
/// order as well as which rows make the cut. `sequence_tokens` is S, for the tokens' names.
SelectionComparison compare_selections(const SelectionData& a, const SelectionData& b,
                                       std::int64_t rows, std::int64_t sequence_tokens,
                                       std::int64_t offset, double rtol);

}  // namespace fulgurite::app
