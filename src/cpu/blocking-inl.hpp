// Included by the file of one ISA, after its vocabulary (src/cpu/simd).
#pragma once

#include <cstddef>
#include <cstdint>

#include "cpu/kernels.hpp"

// How a matrix product is cut into tiles, for `query` and `project` alike. A tile is kGroups x 16
// columns of kRows tokens, all of K: its sums stay in registers, one line of weights serves kRows
// tokens and one word of activations kGroups lines. Tiles of the same columns follow each other, so
// that their weights come from the L2 cache but once.
//
// A Product names the problem and brings the tile:
//   Problem, kRows (most tokens of a tile), kAccumulators (vectors of sums that fit the registers),
//   kMaxGroups, kWordBytes, kWordValues (values of K in a word),
//   depth(problem), pack_word(word, values), tile<kGroups, kRows>(problem, words, row, column).
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

/// Tokens row..row+rows-1, rows <= kRows.
template <class Product, std::size_t kGroups, std::size_t kRows>
void tail_tile(const typename Product::Problem& problem, const std::uint8_t* words, std::size_t row,
               std::size_t rows, std::size_t column) {
  if (rows == kRows) {
    Product::template tile<kGroups, kRows>(problem, words, row, column);
  } else if constexpr (kRows > 1) {
    tail_tile<Product, kGroups, kRows - 1>(problem, words, row, rows, column);
  }
}

/// All tokens, in blocks of kRows, of the columns column..column+16*kGroups-1.
template <class Product, std::size_t kGroups, std::size_t kRows>
void slab(const typename Product::Problem& problem, std::size_t column) {
  const auto* const words = static_cast<const std::uint8_t*>(problem.activations);
  const auto tokens = static_cast<std::size_t>(problem.tokens);
  const std::size_t row_bytes = static_cast<std::size_t>(Product::depth(problem)) /
                                Product::kWordValues * Product::kWordBytes;
  std::size_t row = 0;
  for (; row + kRows <= tokens; row += kRows) {
    Product::template tile<kGroups, kRows>(problem, words + row * row_bytes, row, column);
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

/// Row-major [tokens][depth] values to words.
template <class Product, class Value>
void pack_activations(const Value* values, std::int64_t tokens, std::int64_t depth, void* packed) {
  constexpr auto kRows = static_cast<std::int64_t>(Product::kRows);
  constexpr auto kWordValues = static_cast<std::int64_t>(Product::kWordValues);
  auto* out = static_cast<std::uint8_t*>(packed);
  for (std::int64_t row = 0; row < tokens; row += kRows) {
    const std::int64_t left = tokens - row;
    const std::int64_t rows = left < kRows ? left : kRows;
    const Value* const block = values + row * depth;
    for (std::int64_t k = 0; k < depth; k += kWordValues) {
      for (std::int64_t i = 0; i < rows; ++i) {
        Product::pack_word(out, block + i * depth + k);
        out += Product::kWordBytes;
      }
    }
  }
}

}  // namespace
}  // namespace fulgurite::cpu
