#pragma once

#include "cpu/row-inl.hpp"

// rope, hadamard and quantize of a token's heads; quantize of stored rows.

namespace fulgurite::cpu {
namespace {

void transform_by_matrix(const QueryTransform& t) {
  alignas(64) std::uint16_t turned[kMatrixRows * kHeadDim];
  alignas(64) float products[kMatrixRows * kHeadDim];
  ExponentRange exponents[kMatrixBlocks];
  const bool plain = !kHasFusedMultiplyAdd && matrix_exponents(t.rotation.lines, exponents);
  for (std::int64_t head = 0; head < t.heads; head += kMatrixRows) {
    const std::int64_t left = t.heads - head;
    const std::int64_t count = left < kMatrixRows ? left : kMatrixRows;
    for (std::int64_t i = 0; i < count; ++i) {
      Row row = load_bf16_row(t.q + (head + i) * kHeadDim);
      rope(row, t.cos, t.sin);
      store_bf16_row(turned + i * kHeadDim, row);
    }
    multiply_lines(turned, count, t.rotation.lines, plain ? exponents : nullptr, products);
    quantize_each(count, t.codes + head * kHeadDim, t.scale + head,
                  [&](std::int64_t i)
                      FULGURITE_INLINE_LAMBDA { return load_row(products + i * kHeadDim); });
  }
}

void transform_query(const QueryTransform& t) {
  if (!t.rotation.butterflies) {
    transform_by_matrix(t);
    return;
  }
  constexpr int kLineValues = 64 / sizeof(std::uint16_t);
  quantize_each(t.heads, t.codes, t.scale, [&](std::int64_t head) FULGURITE_INLINE_LAMBDA {
    const std::uint16_t* const q = t.q + head * kHeadDim;
    // What the next block needs; of the last one, the next token's.
    for (int i = 0; i < kHeadDim; i += kLineValues) {
      __builtin_prefetch(q + kBlockRows * kHeadDim + i);
    }
    Row row = load_bf16_row(q);
    rope(row, t.cos, t.sin);
    multiply_sylvester(row, t.rotation.factor);
    return row;
  });
}

void quantize_rows(const RowQuantization& q) {
  quantize_each(q.count, q.codes, q.scale, [&](std::int64_t i) FULGURITE_INLINE_LAMBDA {
    return load_bf16_row(q.rows + i * kHeadDim);
  });
}

}  // namespace
}  // namespace fulgurite::cpu
