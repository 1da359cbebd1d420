#pragma once

#include "cpu/query-inl.hpp"
#include "cpu/score-inl.hpp"
#include "cpu/transform-inl.hpp"

// The stages with a fusion undone: what the fused kernels keep in registers goes through memory.

namespace fulgurite::cpu {
namespace {

struct QuerySums : QueryProduct {
  struct Problem : QueryProjection {
    std::int32_t* sums;
  };

  template <std::size_t kGroups, std::size_t kTileRows, class Ahead>
  static void tile(const Problem& problem, const std::uint8_t* words, std::size_t row,
                   std::size_t column, Ahead ahead) {
    const auto columns = static_cast<std::size_t>(problem.columns);
    sum_tile<kTileRows>(problem, words, row, column, ahead,
                        [&](std::size_t r, I32 sum) FULGURITE_INLINE_LAMBDA {
                          store(problem.sums + (row + r) * columns + column, sum);
                        });
  }
};

void query_sums(const QueryProjection& problem, std::int32_t* sums) {
  multiply<QuerySums>({problem, sums}, 0, problem.columns);
}

void scale_sums(const QueryProjection& problem, const std::int32_t* sums) {
  for (std::int64_t row = 0; row < problem.tokens; ++row) {
    const F32 row_scale = set1(problem.row_scale[row]);
    for (std::int64_t column = 0; column < problem.columns; column += kColumnBlock) {
      const std::int64_t at = row * problem.columns + column;
      store_bf16(problem.out + at,
                 mul(mul(to_f32(load(sums + at)), row_scale), load(problem.column_scale + column)));
    }
  }
}

void rope_rows(const QueryTransform& t, std::uint16_t* turned) {
  for (std::int64_t head = 0; head < t.heads; ++head) {
    Row row = load_bf16_row(t.q + head * kHeadDim);
    rope(row, t.cos, t.sin);
    store_bf16_row(turned + head * kHeadDim, row);
  }
}

void rotate_quantize(const QueryTransform& t, const std::uint16_t* turned) {
  quantize_each(t.heads, t.codes, t.scale, [&](std::int64_t head) FULGURITE_INLINE_LAMBDA {
    Row row = load_bf16_row(turned + head * kHeadDim);
    multiply_sylvester(row, t.rotation.factor);
    return row;
  });
}

void rope_rotate(const QueryTransform& t, float* rotated) {
  for (std::int64_t head = 0; head < t.heads; ++head) {
    Row row = load_bf16_row(t.q + head * kHeadDim);
    rope(row, t.cos, t.sin);
    multiply_sylvester(row, t.rotation.factor);
    store_row(rotated + head * kHeadDim, row);
  }
}

void quantize_rotated(const QueryTransform& t, const float* rotated) {
  quantize_each(t.heads, t.codes, t.scale, [&](std::int64_t head) FULGURITE_INLINE_LAMBDA {
    return load_row(rotated + head * kHeadDim);
  });
}

constexpr std::int64_t kScoresAtOnce = 64;

/// Bit i: scores[i] is not below the threshold, or NaN.
FULGURITE_INLINE std::uint64_t not_below(const float* scores, float threshold) {
  std::uint64_t below = 0;
#pragma GCC unroll 4
  for (int i = 0; i < kScoresAtOnce; i += kLanes) {
    below |= std::uint64_t{bits(less(load(scores + i), set1(threshold)))} << i;
  }
  return ~below;
}

void offer_scores(const float* scores, std::int64_t count, TopList& list) {
  for (std::int64_t first = 0; first < count; first += kScoresAtOnce) {
    const std::int64_t last = first + kScoresAtOnce < count ? first + kScoresAtOnce : count;
    const bool few = list.closed && last - first == kScoresAtOnce;
    std::uint64_t open = few ? not_below(scores + first, list.threshold) : 0;
    if (few && open == 0) continue;
    if (list.count > list.capacity - kScoresAtOnce) select_top(list);
    for (; open != 0; open &= open - 1) {
      const std::int64_t row = first + __builtin_ctzll(open);
      const float score = scores[row];
      list.met_nan = list.met_nan || __builtin_isnan(score);
      if (!(score > list.threshold)) continue;
      list.scores[list.count] = score;
      list.rows[list.count++] = static_cast<std::uint32_t>(row);
    }
    for (std::int64_t row = first; !few && row < last; row += kLanes) {
      offer(list, lanes_of(last - row, 0), load_first(scores + row, last - row),
            row_numbers(row, 0));
    }
  }
}

/// A score that most likely k of `count` are above, and few more: an order statistic of 1,024
/// samples, in runs of 16 that do not follow any period of the scores.
float sampled_threshold(const float* scores, std::int64_t count, std::int64_t k) {
  constexpr std::int64_t kRuns = 64;
  float sample[kRuns * kLanes];
  std::uint32_t unused[kRuns * kLanes] = {};
  const std::int64_t stride = count / kLanes / kRuns;
  for (std::int64_t run = 0; run < kRuns; ++run) {
    const F32 x = load(scores + (run * stride + run * 13 % stride) * kLanes);
    store(sample + run * kLanes, select(is_nan(x), set1(-__builtin_inff()), x));
  }
  sort_top(sample, unused, kRuns * kLanes);
  // Its rank is three standard deviations worse than the expected one.
  const float expected = static_cast<float>(k * kRuns * kLanes) / static_cast<float>(count);
  return sample[static_cast<int>(expected + 3 * __builtin_sqrtf(expected)) + 1];
}

void select_scores(const float* scores, std::int64_t count, TopList& list) {
  constexpr std::int64_t kManyScores = 16'384;
  constexpr std::int64_t kManyTimes = 32;
  if (list.count == 0 && count >= kManyScores && count / kManyTimes >= list.k) {
    list.threshold = sampled_threshold(scores, count, list.k);
    list.closed = true;
    offer_scores(scores, count, list);
    if (list.count >= list.k) return;
    list.closed = false;  // the samples misled
    list.count = 0;
  }
  offer_scores(scores, count, list);
}

}  // namespace
}  // namespace fulgurite::cpu
