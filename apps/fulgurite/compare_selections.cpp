#include "compare_selections.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "compare_values.hpp"
#include "fulgurite/dtype.hpp"
#include "fulgurite/selection.hpp"

namespace fulgurite::app {
namespace {

using Picks = std::span<const std::int32_t>;

/// What a score ranks as.
double rank(float score) {
  return is_nan(score) ? -std::numeric_limits<double>::infinity() : static_cast<double>(score);
}

SelectionData token_of(const SelectionData& data, std::int64_t rows, std::int64_t token) {
  const auto length = static_cast<std::size_t>(rows);
  const std::size_t start = static_cast<std::size_t>(token) * length;
  return {data.score.subspan(start, length), data.topk_idxs.subspan(start, length)};
}

Picks picks_of(const SelectionData& token) {
  const auto end = std::find(token.topk_idxs.begin(), token.topk_idxs.end(), kNoRow);
  return {token.topk_idxs.begin(), end};
}

/// Rows before the padding.
std::int64_t seen_rows(std::span<const float> score) {
  std::size_t rows = score.size();
  while (rows > 0 && score[rows - 1] == kUnseenScore) --rows;
  return static_cast<std::int64_t>(rows);
}

/// Why one output's picks cannot be a selection at all; empty if they can.
std::string flaw(const SelectionData& token, std::int64_t offset) {
  const Picks picks = picks_of(token);
  const auto padding = token.topk_idxs.subspan(picks.size());
  if (std::any_of(padding.begin(), padding.end(), [](std::int32_t i) { return i != kNoRow; })) {
    return "a row after the padding";
  }
  const std::int64_t rows = seen_rows(token.score);
  std::vector<bool> met(static_cast<std::size_t>(rows), false);
  for (const std::int32_t pick : picks) {
    const std::int64_t row = pick - offset;
    if (row < 0 || row >= rows) {
      return fmt::format("{}, which is none of the {} rows seen from offset {}", pick, rows,
                         offset);
    }
    if (met[static_cast<std::size_t>(row)]) return fmt::format("{} twice", pick);
    met[static_cast<std::size_t>(row)] = true;
  }
  return "";
}

class TokenComparison {
 public:
  TokenComparison(const SelectionData& a, const SelectionData& b, std::int64_t offset, double rtol)
      : a_(a),
        b_(b),
        offset_(offset),
        allowed_(2 * rtol * std::max(largest_magnitude(a.score), largest_magnitude(b.score))) {}

  /// Why the two are different selections; empty if they are not.
  [[nodiscard]] std::string reason() const {
    if (const std::string text = flaw(a_, offset_); !text.empty()) return "A selects " + text;
    if (const std::string text = flaw(b_, offset_); !text.empty()) return "B selects " + text;
    const Picks a = picks_of(a_);
    const Picks b = picks_of(b_);
    if (a.size() != b.size()) {
      return fmt::format("A selects {} rows, B {}", a.size(), b.size());
    }
    for (std::size_t place = 0; place < a.size(); ++place) {
      const double of_a = score(a[place]);
      const double of_b = score(b[place]);
      if (of_a == of_b || std::abs(of_a - of_b) <= allowed_) continue;
      return fmt::format("place {}: A selects {}, B {}; their scores in A are {:.7g} and {:.7g}",
                         place, a[place], b[place], of_a, of_b);
    }
    return "";
  }

  [[nodiscard]] bool same_rows() const {
    const Picks a = picks_of(a_);
    const Picks b = picks_of(b_);
    return std::is_permutation(a.begin(), a.end(), b.begin(), b.end());
  }

 private:
  [[nodiscard]] double score(std::int32_t pick) const {
    return rank(a_.score[static_cast<std::size_t>(pick - offset_)]);
  }

  SelectionData a_;
  SelectionData b_;
  std::int64_t offset_;
  double allowed_;
};

/// Whether the picks, less the offset, are rows that were seen, best first.
bool explains(std::int64_t offset, const Picks& picks, std::span<const float> seen) {
  double last = std::numeric_limits<double>::infinity();
  for (const std::int64_t pick : picks) {
    const std::int64_t row = pick - offset;
    if (row < 0 || row >= static_cast<std::int64_t>(seen.size())) return false;
    const double score = rank(seen[static_cast<std::size_t>(row)]);
    if (score > last) return false;
    last = score;
  }
  return true;
}

}  // namespace

std::optional<std::int64_t> infer_offset(const SelectionData& data, std::int64_t rows) {
  if (rows == 0) return std::nullopt;
  const std::int64_t tokens = static_cast<std::int64_t>(data.score.size()) / rows;
  for (std::int64_t token = 0; token < tokens; ++token) {
    const SelectionData each = token_of(data, rows, token);
    const Picks picks = picks_of(each);
    const auto seen = each.score.first(static_cast<std::size_t>(seen_rows(each.score)));
    if (picks.empty() || seen.empty()) continue;
    const auto best = std::max_element(seen.begin(), seen.end(),
                                       [](float x, float y) { return rank(x) < rank(y); });
    const std::int64_t guess = picks.front() - (best - seen.begin());
    for (std::size_t row = 0; row < seen.size(); ++row) {  // any row that ties for the best
      const std::int64_t offset = picks.front() - static_cast<std::int64_t>(row);
      if (rank(seen[row]) == rank(*best) && explains(offset, picks, seen)) return offset;
    }
    return guess;
  }
  return std::nullopt;
}

SelectionComparison compare_selections(const SelectionData& a, const SelectionData& b,
                                       std::int64_t rows, std::int64_t sequence_tokens,
                                       std::int64_t offset, double rtol) {
  SelectionComparison result;
  if (rows == 0) return result;
  result.tokens = static_cast<std::int64_t>(a.score.size()) / rows;
  for (std::int64_t token = 0; token < result.tokens; ++token) {
    const SelectionData of_a = token_of(a, rows, token);
    const SelectionData of_b = token_of(b, rows, token);
    const TokenComparison comparison(of_a, of_b, offset, rtol);
    const std::string reason = comparison.reason();
    if (!reason.empty()) {
      ++result.different;
      if (result.different == 1) {
        result.first_difference = fmt::format("token [{},{}], {}", token / sequence_tokens,
                                              token % sequence_tokens, reason);
      }
    } else if (std::equal(of_a.topk_idxs.begin(), of_a.topk_idxs.end(), of_b.topk_idxs.begin())) {
      ++result.equal;
    } else {
      ++(comparison.same_rows() ? result.reordered : result.other_rows);
    }
  }
  return result;
}

}  // namespace fulgurite::app
