#pragma once

#include "cpu/row-inl.hpp"

// rope, hadamard and quantize of a token's heads; quantize of stored rows.

namespace fulgurite::cpu {
namespace {

/// A general matrix: four rows at a time, so that a line of it is loaded once for all four. Rows
/// that are missing in the last four repeat the last one.
FULGURITE_INLINE void transform_by_matrix(const QueryTransform& t, const RopeTable& table) {
  constexpr int kRows = 4;
  alignas(64) std::uint8_t words[kRows * kRowWordBytes];
  alignas(64) float products[kRows * kHeadDim];
  alignas(64) std::uint16_t turned[kHeadDim];
  for (std::int64_t head = 0; head < t.heads; head += kRows) {
    const auto rows = static_cast<int>(t.heads - head < kRows ? t.heads - head : kRows);
    for (int r = 0; r < kRows; ++r) {
      const int source = r < rows ? r : rows - 1;
      Row row = load_bf16_row(t.q + (head + source) * kHeadDim);
      rope(row, table);
      store_bf16_row(turned, row);
      store_row_words(words + static_cast<std::size_t>(r) * kRowWordBytes, turned);
    }
    multiply_lines<kRows>(words, t.rotation.lines, products);
    for (int r = 0; r < rows; ++r) {
      quantize(load_row(products + r * kHeadDim), t.codes + (head + r) * kHeadDim,
               t.scale + head + r);
    }
  }
}

void transform_query(const QueryTransform& t) {
  const RopeTable table = rope_table(t.cos, t.sin);
  if (!t.rotation.butterflies) {
    transform_by_matrix(t, table);
    return;
  }
  for (std::int64_t head = 0; head < t.heads; ++head) {
    Row row = load_bf16_row(t.q + head * kHeadDim);
    rope(row, table);
    multiply_sylvester(row, t.rotation.factor);
    quantize(row, t.codes + head * kHeadDim, t.scale + head);
  }
}

void quantize_rows(const RowQuantization& q) {
  for (std::int64_t i = 0; i < q.count; ++i) {
    quantize(load_bf16_row(q.rows + i * kHeadDim), q.codes + i * kHeadDim, q.scale + i);
  }
}

}  // namespace
}  // namespace fulgurite::cpu
