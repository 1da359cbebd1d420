// Included by the file of one ISA, after its vocabulary (src/cpu/simd).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "cpu/kernels.hpp"

// How a matrix product is cut into tiles, for `query` and `project` alike. A tile is kGroups x 16
// columns of kRows tokens, all of K: its sums stay in registers, one line of weights serves kRows
// tokens and one word of activations kGroups lines. Tiles of the same columns follow each other, so
// that their weights come from the L2 cache but once.
//
// A Product names the problem and brings the tile:
//   Problem, kRows (most tokens of a tile), kAccumulators (vectors of sums that fit the registers),
//   kMaxGroups, kWordBytes, kWordValues (values of K in a word),
//   depth(problem), pack_word(word, values),
//   tile<kGroups, kRows, kFirst>(problem, words, row, column); kFirst: its weights come from far.
//
// Activations are packed [blocks of rows][K / kWordValues][rows of the block][kWordBytes]; blocks
// have kRows rows but for the last.

namespace fulgurite::cpu {
namespace {

/// kColumnBlock, for sizes of arrays.
constexpr std::size_t kColumns = kColumnBlock;

template <class Product>
constexpr std::size_t groups_for(std::size_t rows) {
  const std::size_t groups = Product::kAccumulators / rows;
  return groups < 1 ? 1 : groups > Product::kMaxGroups ? Product::kMaxGroups : groups;
}

/// Tokens row..row+rows-1 behind other blocks, rows <= kRows.
template <class Product, std::size_t kGroups, std::size_t kRows>
void tail_tile(const typename Product::Problem& problem, const std::uint8_t* words, std::size_t row,
               std::size_t rows, std::size_t column) {
  if (rows == kRows) {
    Product::template tile<kGroups, kRows, false>(problem, words, row, column);
  } else if constexpr (kRows > 1) {
    tail_tile<Product, kGroups, kRows - 1>(problem, words, row, rows, column);
  }
}

/// All tokens, kRows of them or more, in blocks of kRows, of the columns
/// column..column+16*kGroups-1.
template <class Product, std::size_t kGroups, std::size_t kRows>
void slab(const typename Product::Problem& problem, std::size_t column) {
  const auto* const words = static_cast<const std::uint8_t*>(problem.activations);
  const auto tokens = static_cast<std::size_t>(problem.tokens);
  const std::size_t row_bytes = static_cast<std::size_t>(Product::depth(problem)) /
                                Product::kWordValues * Product::kWordBytes;
  Product::template tile<kGroups, kRows, true>(problem, words, 0, column);
  std::size_t row = kRows;
  for (; row + kRows <= tokens; row += kRows) {
    Product::template tile<kGroups, kRows, false>(problem, words + row * row_bytes, row, column);
  }
  if constexpr (kRows == Product::kRows && kRows > 1) {
    if (row < tokens) {
      tail_tile<Product, kGroups, kRows - 1>(problem, words + row * row_bytes, row, tokens - row,
                                             column);
    }
  }
}

template <class Product, std::size_t kGroups, std::size_t kRows>
void columns_by(const typename Product::Problem& problem, std::size_t first, std::size_t last) {
  std::size_t column = first;
  for (; column + kGroups * kColumns <= last; column += kGroups * kColumns) {
    slab<Product, kGroups, kRows>(problem, column);
  }
  if constexpr (kGroups > 1) {
    if (column < last) columns_by<Product, kGroups - 1, kRows>(problem, column, last);
  }
}

/// The columns first..last. Few tokens make a tile of few rows and many columns: the weights are
/// then all that counts, and more of their lines are on the way at a time.
template <class Product, std::size_t kRows = Product::kRows>
void multiply(const typename Product::Problem& problem, std::int64_t first, std::int64_t last) {
  if constexpr (kRows > 1) {
    if (problem.tokens < static_cast<std::int64_t>(kRows)) {
      multiply<Product, kRows - 1>(problem, first, last);
      return;
    }
  }
  columns_by<Product, groups_for<Product>(kRows), kRows>(problem, static_cast<std::size_t>(first),
                                                         static_cast<std::size_t>(last));
}

using FourWords = std::uint32_t __attribute__((vector_size(16)));

FULGURITE_INLINE FourWords load_words(const void* p) {
  FourWords words;
  std::memcpy(&words, p, sizeof words);
  return words;
}

/// Four rows of four words of 4 bytes, `row_bytes` apart, to four columns, `column_bytes` apart.
FULGURITE_INLINE void transpose_words(const std::uint8_t* in, std::size_t row_bytes,
                                      std::uint8_t* out, std::size_t column_bytes) {
  const FourWords a = load_words(in);
  const FourWords b = load_words(in + row_bytes);
  const FourWords c = load_words(in + 2 * row_bytes);
  const FourWords d = load_words(in + 3 * row_bytes);
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
      transpose_words(in + row * row_bytes + byte, row_bytes,
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
