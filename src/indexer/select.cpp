#include <algorithm>
#include <cstddef>
#include <limits>

#include "indexer/stages.hpp"

namespace fulgurite::reference {

std::vector<std::int32_t> select(std::span<const float> scores, std::int64_t k) {
  std::vector<std::int32_t> rows(scores.size());
  for (std::size_t row = 0; row < rows.size(); ++row) rows[row] = static_cast<std::int32_t>(row);
  const auto rank = [&](std::int32_t row) {
    const float score = scores[static_cast<std::size_t>(row)];
    return is_nan(score) ? -std::numeric_limits<float>::infinity() : score;
  };
  std::sort(rows.begin(), rows.end(), [&](std::int32_t a, std::int32_t b) {
    return rank(a) != rank(b) ? rank(a) > rank(b) : a < b;
  });
  rows.resize(std::min(rows.size(), static_cast<std::size_t>(k)));
  return rows;
}

}  // namespace fulgurite::reference
