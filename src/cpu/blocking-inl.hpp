// Included by the file of one ISA, after its vocabulary (src/cpu/simd).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "cpu/kernels.hpp"

// How a matrix product is cut into tiles, for `query` and `project` alike. A tile is kGroups x 16
// columns of kRows tokens, all of K: its sums stay in registers, one line of weights serves kRows
// tokens and one word of activations kGroups lines. A slab is the tiles of the same columns. They
// follow each other, so that their weights come from far but once, and each fetches its share of
// the next slab's. A slab of one tile fetches nothing: it reads its weights in the order of memory,
// which the processor foresees better than any program.
//
// A Product names the problem and brings the tile:
//   Problem, kRows (most tokens of a tile), kWordBytes, kWordValues (values of K in a word),
//   groups(rows, alone): kGroups of a tile of so many tokens; alone in its slab or not,
//   depth(problem), line(problem, column, word): the address of a line of weights,
//   pack_word(word, values),
//   tile<kGroups, kRows>(problem, words, row, column, ahead), which calls ahead() once a word of K.
//
// Activations are packed [blocks of rows][K / kWordValues][rows of the block][kWordBytes]; blocks
// have kRows rows but for the last.

namespace fulgurite::cpu {
namespace {

/// kColumnBlock, for sizes of arrays.
constexpr std::size_t kColumns = kColumnBlock;

/// What a tile that is alone in its slab fetches.
struct FetchNothing {
  FULGURITE_INLINE void operator()() const {}
};

/// One of `tiles` tiles fetches its share of the slab that begins at `column`.
template <class Product, std::size_t kGroups>
class FetchShare {
 public:
  FULGURITE_INLINE FetchShare(const typename Product::Problem& problem, std::size_t column,
                              std::size_t tile, std::size_t tiles)
      : tiles_(tiles) {
    const std::size_t words =
        static_cast<std::size_t>(Product::depth(problem)) / Product::kWordValues;
    for (std::size_t g = 0; g < kGroups; ++g) {
      line_[g] = Product::line(problem, column + g * kColumns, words * tile / tiles);
    }
  }
  FULGURITE_INLINE void operator()() {
    constexpr std::size_t kLineBytes = 64;
    if (--left_ != 0) return;
    left_ = tiles_;
#pragma GCC unroll 4
    for (std::size_t g = 0; g < kGroups; ++g) {
      __builtin_prefetch(line_[g]);
      line_[g] += kLineBytes;
    }
  }

 private:
  const std::uint8_t* line_[kGroups];
  std::size_t tiles_;
  std::size_t left_ = 1;
};

/// A tile of `rows` tokens, at most kRows.
template <class Product, std::size_t kGroups, std::size_t kRows, class Ahead>
void tile_of(const typename Product::Problem& problem, const std::uint8_t* words, std::size_t row,
             std::size_t rows, std::size_t column, Ahead ahead) {
  if (rows == kRows) {
    Product::template tile<kGroups, kRows>(problem, words, row, column, ahead);
  } else if constexpr (kRows > 1) {
    tile_of<Product, kGroups, kRows - 1>(problem, words, row, rows, column, ahead);
  }
}

/// More than kRows tokens, of the columns column..column+16*kGroups-1; the slab after it begins at
/// `next`.
template <class Product, std::size_t kGroups>
void slab(const typename Product::Problem& problem, std::size_t column, std::size_t next) {
  constexpr std::size_t kRows = Product::kRows;
  const auto* const words = static_cast<const std::uint8_t*>(problem.activations);
  const auto tokens = static_cast<std::size_t>(problem.tokens);
  const std::size_t row_bytes = static_cast<std::size_t>(Product::depth(problem)) /
                                Product::kWordValues * Product::kWordBytes;
  const std::size_t tiles = (tokens + kRows - 1) / kRows;
  for (std::size_t tile = 0; tile < tiles; ++tile) {
    const std::size_t row = tile * kRows;
    const FetchShare<Product, kGroups> ahead(problem, next, tile, tiles);
    const std::size_t rows = tokens - row < kRows ? tokens - row : kRows;
    tile_of<Product, kGroups, kRows>(problem, words + row * row_bytes, row, rows, column, ahead);
  }
}

/// kTokens: of the one tile that there is, or 0 if there are several.
template <class Product, std::size_t kTokens, std::size_t kGroups>
void columns_by(const typename Product::Problem& problem, std::size_t first, std::size_t last) {
  std::size_t column = first;
  for (; column + kGroups * kColumns <= last; column += kGroups * kColumns) {
    if constexpr (kTokens > 0) {
      Product::template tile<kGroups, kTokens>(
          problem, static_cast<const std::uint8_t*>(problem.activations), 0, column,
          FetchNothing{});
    } else {
      // Beyond `last`, too: whoever takes those columns has them near.
      const std::size_t next = column + kGroups * kColumns;
      const bool exists = next + kGroups * kColumns <= static_cast<std::size_t>(problem.columns);
      slab<Product, kGroups>(problem, column, exists ? next : first);
    }
  }
  if constexpr (kGroups > 1) {
    if (column < last) columns_by<Product, kTokens, kGroups - 1>(problem, column, last);
  }
}

template <class Product, std::size_t kTokens>
void multiply_one_tile(const typename Product::Problem& problem, std::size_t first,
                       std::size_t last) {
  if constexpr (kTokens > 1) {
    if (problem.tokens < static_cast<std::int64_t>(kTokens)) {
      multiply_one_tile<Product, kTokens - 1>(problem, first, last);
      return;
    }
  }
  columns_by<Product, kTokens, Product::groups(kTokens, true)>(problem, first, last);
}

/// The columns first..last.
template <class Product>
void multiply(const typename Product::Problem& problem, std::int64_t first, std::int64_t last) {
  const auto begin = static_cast<std::size_t>(first);
  const auto end = static_cast<std::size_t>(last);
  if (problem.tokens > static_cast<std::int64_t>(Product::kRows)) {
    columns_by<Product, 0, Product::groups(Product::kRows, false)>(problem, begin, end);
  } else {
    multiply_one_tile<Product, Product::kRows>(problem, begin, end);
  }
}

using FourWords = std::uint32_t __attribute__((vector_size(16)));

FULGURITE_INLINE FourWords load_words(const void* p) {
  FourWords words;
  std::memcpy(&words, p, sizeof words);
  return words;
}

/// Four rows of four words of 4 bytes to four columns, `column_bytes` apart.
FULGURITE_INLINE void transpose_words(const void* row_a, const void* row_b, const void* row_c,
                                      const void* row_d, std::uint8_t* out,
                                      std::size_t column_bytes) {
  const FourWords a = load_words(row_a);
  const FourWords b = load_words(row_b);
  const FourWords c = load_words(row_c);
  const FourWords d = load_words(row_d);
  const FourWords ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
  const FourWords ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  const FourWords cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5);
  const FourWords cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  const FourWords columns[4] = {__builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5),
                                __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7),
                                __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5),
                                __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7)};
#pragma GCC unroll 4
  for (std::size_t i = 0; i < 4; ++i) std::memcpy(out + i * column_bytes, &columns[i], 16);
}

/// A full block of rows whose words are the bytes of the values.
template <class Product>
void transpose_block(const std::uint8_t* in, std::size_t row_bytes, std::uint8_t* out) {
  constexpr std::size_t kColumnBytes = Product::kRows * Product::kWordBytes;
  for (std::size_t byte = 0; byte < row_bytes; byte += 16) {
    for (std::size_t row = 0; row < Product::kRows; row += 4) {
      const std::uint8_t* const four = in + row * row_bytes + byte;
      transpose_words(four, four + row_bytes, four + 2 * row_bytes, four + 3 * row_bytes,
                      out + byte / 4 * kColumnBytes + row * Product::kWordBytes, kColumnBytes);
    }
  }
}

/// Row-major [tokens][depth] values to words; a row is a multiple of 16 bytes.
template <class Product, class Value>
void pack_activations(const Value* values, std::int64_t tokens, std::int64_t depth, void* packed) {
  constexpr bool kWordsAreValues = Product::kWordBytes == Product::kWordValues * sizeof(Value);
  const auto width = static_cast<std::size_t>(depth);
  const auto count = static_cast<std::size_t>(tokens);
  auto* out = static_cast<std::uint8_t*>(packed);
  for (std::size_t row = 0; row < count; row += Product::kRows) {
    const std::size_t rows = count - row < Product::kRows ? count - row : Product::kRows;
    const Value* const block = values + row * width;
    if constexpr (kWordsAreValues && Product::kWordBytes == 4 && Product::kRows % 4 == 0) {
      if (rows == Product::kRows) {
        transpose_block<Product>(reinterpret_cast<const std::uint8_t*>(block),
                                 width * sizeof(Value), out);
        out += rows * width * sizeof(Value);
        continue;
      }
    }
    for (std::size_t k = 0; k < width; k += Product::kWordValues) {
      for (std::size_t i = 0; i < rows; ++i) {
        Product::pack_word(out, block + i * width + k);
        out += Product::kWordBytes;
      }
    }
  }
}

}  // namespace
}  // namespace fulgurite::cpu
