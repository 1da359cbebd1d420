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
  // Sums take half of 8 registers, or a quarter of 32. Fewer registers than that are no reason for
  // fewer sums: there lines are dear to load, and sums may as well live in L1.
  static constexpr std::size_t kRows = kVectorRegisters == 8 ? 4 : kRowBlock;
  static constexpr std::size_t kWordValues = 4;
  static constexpr std::size_t kWordBytes = cpu::kWordBytes;

  /// The weights of one group stay in L1 while the tokens come, and are one run of memory.
  static constexpr std::size_t groups(std::size_t /*rows*/, bool /*alone*/) { return 1; }
  static std::int64_t depth(const Problem& problem) { return problem.query_rank; }
  static const std::uint8_t* line(const Problem& problem, std::size_t column, std::size_t word) {
    constexpr std::size_t kLine = kColumns * kWordValues;
    return problem.weights + column * static_cast<std::size_t>(depth(problem)) + word * kLine;
  }

  FULGURITE_INLINE static void pack_word(std::uint8_t* word, const std::int8_t* values) {
    store_word(word, values);
  }

  /// finish(r, sums): the sums of row row + r and the 16 columns.
  template <std::size_t kTileRows, class Ahead, class Finish>
  FULGURITE_INLINE static void sum_tile(const Problem& problem, const std::uint8_t* words,
                                        std::size_t row, std::size_t column, Ahead ahead,
                                        const Finish& finish);

  template <std::size_t kGroups, std::size_t kTileRows, class Ahead>
  static void tile(const Problem& problem, const std::uint8_t* words, std::size_t row,
                   std::size_t column, Ahead ahead) {
    static_assert(kGroups == 1);
    const auto columns = static_cast<std::size_t>(problem.columns);
    sum_tile<kTileRows>(problem, words, row, column, ahead,
                        [&](std::size_t r, I32 sum) FULGURITE_INLINE_LAMBDA {
                          const F32 row_scale = set1(problem.row_scale[row + r]);
                          const F32 column_scale = load(problem.column_scale + column);
                          store_bf16(problem.out + (row + r) * columns + column,
                                     mul(mul(to_f32(sum), row_scale), column_scale));
                        });
  }
};

template <std::size_t kTileRows, class Ahead, class Finish>
void QueryProduct::sum_tile(const Problem& problem, const std::uint8_t* words, std::size_t row,
                            std::size_t column, Ahead ahead, const Finish& finish) {
  // Few tokens: several sums for each, as one alone would wait for itself. They are exact.
  constexpr std::size_t kSums = kTileRows > kRows / 2 ? 1 : kTileRows > kRows / 4 ? 2 : 4;
  const auto depth = static_cast<std::size_t>(problem.query_rank);
  const std::uint8_t* const weights = line(problem, column, 0);

  Sum sums[kSums][kTileRows];
#pragma GCC unroll 8
  for (std::size_t r = 0; r < kTileRows; ++r) {
    sums[0][r] = to_sum(set1(problem.correction[row + r]));
#pragma GCC unroll 4
    for (std::size_t i = 1; i < kSums; ++i) sums[i][r] = to_sum(set1(std::int32_t{0}));
  }
  for (std::size_t k = 0; k < depth / kWordValues; k += kSums) {
#pragma GCC unroll 4
    for (std::size_t i = 0; i < kSums; ++i) {
      ahead();
      const Line values = load_line(weights + (k + i) * kColumns * kWordValues);
#pragma GCC unroll 8
      for (std::size_t r = 0; r < kTileRows; ++r) {
        const Word word = load_word(words + ((k + i) * kTileRows + r) * kWordBytes);
        sums[i][r] = dot(sums[i][r], values, word);
      }
    }
  }
#pragma GCC unroll 8
  for (std::size_t r = 0; r < kTileRows; ++r) {
    I32 sum = to_i32(sums[0][r]);
#pragma GCC unroll 4
    for (std::size_t i = 1; i < kSums; ++i) sum = add(sum, to_i32(sums[i][r]));
    finish(r, sum);
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
