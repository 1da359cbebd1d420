#pragma once

#include "cpu/row-inl.hpp"

// rope, hadamard and quantize of a token's heads; quantize of stored rows.

namespace fulgurite::cpu {
namespace {

void transform_by_matrix(const QueryTransform& t, const RopeTable& table) {
  alignas(64) std::uint16_t turned[kMatrixRows * kHeadDim];
  alignas(64) float products[kMatrixRows * kHeadDim];
  ExponentRange exponents[kMatrixBlocks];
  const bool plain = !kHasFusedMultiplyAdd && matrix_exponents(t.rotation.lines, exponents);
  for (std::int64_t head = 0; head < t.heads; head += kMatrixRows) {
    const std::int64_t left = t.heads - head;
    const std::int64_t count = left < kMatrixRows ? left : kMatrixRows;
    for (std::int64_t i = 0; i < count; ++i) {
      Row row = load_bf16_row(t.q + (head + i) * kHeadDim);
      rope(row, table);
      store_bf16_row(turned + i * kHeadDim, row);
    }
    multiply_lines(turned, count, t.rotation.lines, plain ? exponents : nullptr, products);
    for (std::int64_t i = 0; i < count; ++i) {
      quantize(load_row(products + i * kHeadDim), t.codes + (head + i) * kHeadDim,
               t.scale + head + i);
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
