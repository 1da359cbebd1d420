// Included by the file of one ISA, after its vocabulary (src/cpu/simd).
#pragma once

#include <cstddef>
#include <cstdint>

#include "cpu/blocking-inl.hpp"
#include "cpu/kernels.hpp"

// Stage `query`: int8 qr x int8 wq_b, exact in int32, then times the token's scale, times the
// column's scale, rounded to bf16.

namespace fulgurite::cpu {
namespace {

struct QueryProduct {
  using Problem = QueryProjection;
  static constexpr std::size_t kAccumulators = kVectorRegisters / 2;
  static constexpr std::size_t kRows = kAccumulators < kRowBlock ? kAccumulators : kRowBlock;
  static constexpr std::size_t kMaxGroups = 4;
  static constexpr std::size_t kWordValues = 4;
  static constexpr std::size_t kWordBytes = cpu::kWordBytes;

  static std::int64_t depth(const Problem& problem) { return problem.query_rank; }

  FULGURITE_INLINE static void pack_word(std::uint8_t* word, const std::int8_t* values) {
    store_word(word, values);
  }

  template <std::size_t kGroups, std::size_t kTileRows, bool kFirst>
  static void tile(const Problem& problem, const std::uint8_t* words, std::size_t row,
                   std::size_t column);
};

template <std::size_t kGroups, std::size_t kTileRows, bool kFirst>
void QueryProduct::tile(const Problem& problem, const std::uint8_t* words, std::size_t row,
                        std::size_t column) {
  constexpr std::size_t kLine = 64;
  // Weights that come from memory or the last cache, and those that the second cache holds.
  constexpr std::size_t kLinesAhead = kFirst ? 14 : 16;
  const auto depth = static_cast<std::size_t>(problem.query_rank);
  const auto columns = static_cast<std::size_t>(problem.columns);
  const std::uint8_t* const weights = problem.weights + column * depth;

  Sum sums[kGroups][kTileRows];
#pragma GCC unroll 8
  for (std::size_t r = 0; r < kTileRows; ++r) {
#pragma GCC unroll 4
    for (std::size_t g = 0; g < kGroups; ++g)
      sums[g][r] = to_sum(set1(problem.correction[row + r]));
  }
  for (std::size_t k = 0; k < depth / kWordValues; ++k) {
    // Beyond its own lines a tile fetches the first of the columns that follow.
    const bool beyond = kFirst && k + kLinesAhead >= depth / kWordValues;
    const std::size_t ahead =
        kLinesAhead * kLine + (beyond ? (kGroups - 1) * kColumns * depth : std::size_t{0});
    Line line[kGroups];
#pragma GCC unroll 4
    for (std::size_t g = 0; g < kGroups; ++g) {
      const std::uint8_t* const at = weights + g * kColumns * depth + k * kLine;
      __builtin_prefetch(at + ahead);
      line[g] = load_line(at);
    }
#pragma GCC unroll 8
    for (std::size_t r = 0; r < kTileRows; ++r) {
      const Word word = load_word(words + (k * kTileRows + r) * kWordBytes);
#pragma GCC unroll 4
      for (std::size_t g = 0; g < kGroups; ++g) sums[g][r] = dot(sums[g][r], line[g], word);
    }
  }
#pragma GCC unroll 8
  for (std::size_t r = 0; r < kTileRows; ++r) {
    const F32 row_scale = set1(problem.row_scale[row + r]);
    std::uint16_t* const out = problem.out + (row + r) * columns + column;
#pragma GCC unroll 4
    for (std::size_t g = 0; g < kGroups; ++g) {
      const F32 column_scale = load(problem.column_scale + column + g * kColumns);
      store_bf16(out + g * kColumns, mul(mul(to_f32(to_i32(sums[g][r])), row_scale), column_scale));
    }
  }
}

void pack_qr(const std::int8_t* qr, std::int64_t tokens, std::int64_t query_rank, void* packed,
             std::int32_t* correction) {
  pack_activations<QueryProduct>(qr, tokens, query_rank, packed);
  // Weights are stored as code + 128, so a sum begins at -128 times the sum of the token's codes.
  for (std::int64_t t = 0; t < tokens; ++t) {
    std::int32_t sum = 0;
    for (std::int64_t k = 0; k < query_rank; ++k) sum += qr[t * query_rank + k];
    correction[t] = -128 * sum;
  }
}

void query(const QueryProjection& problem, std::int64_t first, std::int64_t last) {
  multiply<QueryProduct>(problem, first, last);
}

}  // namespace
}  // namespace fulgurite::cpu
