#pragma once

#include "cpu/row-inl.hpp"

// rope, hadamard and quantize of a token's heads; quantize of stored rows.

namespace fulgurite::cpu {
namespace {

FULGURITE_INLINE std::int64_t block_count(std::int64_t left) {
  return left < kBlockRows ? left : kBlockRows;
}

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
    RowBlock block;
    for (std::int64_t i = 0; i < count; ++i) put_row(block, i, load_row(products + i * kHeadDim));
    quantize(block, count, t.codes + head * kHeadDim, t.scale + head);
  }
}

void transform_query(const QueryTransform& t) {
  if (!t.rotation.butterflies) {
    transform_by_matrix(t);
    return;
  }
  for (std::int64_t head = 0; head < t.heads; head += kBlockRows) {
    const std::int64_t count = block_count(t.heads - head);
    RowBlock block;
    for (std::int64_t i = 0; i < count; ++i) {
      Row row = load_bf16_row(t.q + (head + i) * kHeadDim);
      rope(row, t.cos, t.sin);
      multiply_sylvester(row, t.rotation.factor);
      put_row(block, i, row);
    }
    quantize(block, count, t.codes + head * kHeadDim, t.scale + head);
  }
}

void quantize_rows(const RowQuantization& q) {
  for (std::int64_t first = 0; first < q.count; first += kBlockRows) {
    const std::int64_t count = block_count(q.count - first);
    RowBlock block;
    for (std::int64_t i = 0; i < count; ++i) {
      put_row(block, i, load_bf16_row(q.rows + (first + i) * kHeadDim));
    }
    quantize(block, count, q.codes + first * kHeadDim, q.scale + first);
  }
}

}  // namespace
}  // namespace fulgurite::cpu
