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
  for (std::int64_t first = 0; first < t.heads; first += kBlockRows) {
    const std::int64_t count = block_count(t.heads - first);
    RowBlock block;
    for (std::int64_t i = 0; i < count; ++i) {
      Row row = load_bf16_row(turned + (first + i) * kHeadDim);
      multiply_sylvester(row, t.rotation.factor);
      put_row(block, i, row);
    }
    quantize(block, count, t.codes + first * kHeadDim, t.scale + first);
  }
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
  for (std::int64_t first = 0; first < t.heads; first += kBlockRows) {
    const std::int64_t count = block_count(t.heads - first);
    RowBlock block;
    for (std::int64_t i = 0; i < count; ++i) {
      put_row(block, i, load_row(rotated + (first + i) * kHeadDim));
    }
    quantize(block, count, t.codes + first * kHeadDim, t.scale + first);
  }
}

void select_scores(const float* scores, std::int64_t count, TopList& list) {
  for (std::int64_t row = 0; row < count; row += kLanes) {
    if (list.count > list.capacity - kLanes) select_top(list);
    const F32 score = load_first(scores + row, count - row);
    offer(list, lanes_of(count - row, 0), score, row_numbers(row, 0));
  }
}

}  // namespace
}  // namespace fulgurite::cpu
