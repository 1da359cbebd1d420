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

/// Whether some of the scores are above the threshold, or NaN.
template <int kVectors>
FULGURITE_INLINE bool some_matter(const float* scores, float threshold) {
  const F32 x = load(scores);
  Mask matter = mask_or(greater(x, set1(threshold)), is_nan(x));
#pragma GCC unroll 4
  for (int i = 1; i < kVectors; ++i) {
    const F32 y = load(scores + i * kLanes);
    matter = mask_or(matter, mask_or(greater(y, set1(threshold)), is_nan(y)));
  }
  return bits(matter) != 0;
}

void select_scores(const float* scores, std::int64_t count, TopList& list) {
  constexpr int kVectors = 4;
  constexpr std::int64_t kStep = kVectors * kLanes;
  for (std::int64_t first = 0; first < count; first += kStep) {
    const std::int64_t last = first + kStep < count ? first + kStep : count;
    const bool whole = last - first == kStep;
    if (whole && list.closed && !some_matter<kVectors>(scores + first, list.threshold)) continue;
    if (list.count > list.capacity - kStep) select_top(list);
    for (std::int64_t row = first; row < last; row += kLanes) {
      offer(list, lanes_of(last - row, 0), load_first(scores + row, last - row),
            row_numbers(row, 0));
    }
  }
}

}  // namespace
}  // namespace fulgurite::cpu
