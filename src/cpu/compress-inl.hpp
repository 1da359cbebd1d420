#pragma once

#include "cpu/row-inl.hpp"

// One key row from the eight slots of its window.

namespace fulgurite::cpu {
namespace {

/// reference::exp, lane by lane; indexer/exp.hpp explains it.
FULGURITE_INLINE F32 exp(F32 x) {
  const F32 lowest = set1(-104.0F);
  const F32 highest = set1(89.0F);
  const F32 round_to_integer = set1(0x1.8p+23F);
  const F32 clamped = select(less(x, lowest), lowest, select(greater(x, highest), highest, x));
  const F32 shifted = add(mul(clamped, set1(0x1.715476p+0F)), round_to_integer);
  const F32 n = sub(shifted, round_to_integer);
  const F32 high = sub(clamped, mul(n, set1(0x1.63p-1F)));
  const F32 low = mul(n, set1(-0x1.bd0106p-13F));
  const F32 r = sub(high, low);
  const F32 lost = sub(sub(high, r), low);

  F32 p = set1(0x1.a01a02p-13F);
  p = add(mul(p, r), set1(0x1.6c16c2p-10F));
  p = add(mul(p, r), set1(0x1.111112p-7F));
  p = add(mul(p, r), set1(0x1.555556p-5F));
  p = add(mul(p, r), set1(0x1.555556p-3F));
  p = add(mul(p, r), set1(0.5F));
  const F32 y = add(set1(1.0F), add(r, add(mul(mul(r, r), p), lost)));

  const I32 exponent = sub(as_i32(shifted), as_i32(round_to_integer));
  const I32 half = shift_right_signed<1>(exponent);
  const I32 bias = set1(std::int32_t{127});
  const F32 scale_a = as_f32(shift_left<23>(add(half, bias)));
  const F32 scale_b = as_f32(shift_left<23>(add(sub(exponent, half), bias)));
  return mul(mul(y, scale_a), scale_b);
}

/// The gated mean of the slots, features 16*i..16*i+15.
FULGURITE_INLINE F32 pool(const WindowSlots& w, int i) {
  constexpr int kSlots = 8;
  F32 top = load(w.gate[0] + kLanes * i);
#pragma GCC unroll 8
  for (int slot = 1; slot < kSlots; ++slot) top = max(top, load(w.gate[slot] + kLanes * i));
  F32 share[kSlots];
  F32 sum = zero_f32();
#pragma GCC unroll 8
  for (int slot = 0; slot < kSlots; ++slot) {
    share[slot] = exp(sub(load(w.gate[slot] + kLanes * i), top));
    sum = add(sum, share[slot]);
  }
  F32 mean = zero_f32();
#pragma GCC unroll 8
  for (int slot = 0; slot < kSlots; ++slot) {
    mean = add(mean, mul(load(w.kv[slot] + kLanes * i), div(share[slot], sum)));
  }
  return mean;
}

/// RMSNorm of bf16 features in their order, to bf16; the sum of squares has one lane per feature
/// mod 16.
FULGURITE_INLINE void normalize(F32 (&features)[kRowVectors], const float* norm, float eps) {
  F32 squares = zero_f32();
#pragma GCC unroll 8
  for (int i = 0; i < kRowVectors; ++i) squares = add(squares, mul(features[i], features[i]));
  const float mean = halving_sum(squares) * (1.0F / kHeadDim);
  const F32 factor = set1(1.0F / __builtin_sqrtf(mean + eps));
#pragma GCC unroll 8
  for (int i = 0; i < kRowVectors; ++i) {
    features[i] = round_bf16(mul(mul(features[i], factor), load(norm + kLanes * i)));
  }
}

FULGURITE_INLINE void rotate_key(Row& row, const Rotation& rotation) {
  if (rotation.butterflies) {
    multiply_sylvester(row, rotation.factor);
    return;
  }
  alignas(64) std::uint16_t features[kHeadDim];
  alignas(64) float products[kHeadDim];
  store_bf16_row(features, row);
  ExponentRange exponents[kMatrixBlocks];
  const bool plain = !kHasFusedMultiplyAdd && matrix_exponents(rotation.lines, exponents);
  multiply_lines(features, 1, rotation.lines, plain ? exponents : nullptr, products);
  row = load_row(products);
}

/// The same features of the slots, towards the caches. Slots are short runs of memory here and
/// there, which no prefetcher foresees; all lines at once would find no place in its queue.
FULGURITE_INLINE void fetch(const WindowSlots& w, int i) {
  for (const float* kv : w.kv) __builtin_prefetch(kv + kLanes * i);
  for (const float* gate : w.gate) __builtin_prefetch(gate + kLanes * i);
}

void compress_window(const KeyWindow& w) {
  F32 features[kRowVectors];
  for (int i = 0; i < kRowVectors; ++i) {
    if (w.next != nullptr) fetch(*w.next, i);
    features[i] = round_bf16(pool(w.slots, i));
  }
  normalize(features, w.norm, w.norm_eps);
  Row row;
#pragma GCC unroll 4
  for (int i = 0; i < kRowPairs; ++i) {
    row.even[i] = even_lanes(features[2 * i], features[2 * i + 1]);
    row.odd[i] = odd_lanes(features[2 * i], features[2 * i + 1]);
  }
  rope(row, w.cos, w.sin);
  if (w.rotate) rotate_key(row, w.rotation);
#pragma GCC unroll 4
  for (int i = 0; i < kRowPairs; ++i) {
    row.even[i] = canonical_nan(row.even[i]);
    row.odd[i] = canonical_nan(row.odd[i]);
  }
  if (w.row != nullptr) store_row(w.row, row);
#pragma GCC unroll 4
  for (int i = 0; i < kRowPairs; ++i) {
    row.even[i] = round_bf16(row.even[i]);
    row.odd[i] = round_bf16(row.odd[i]);
  }
  if (w.row_bf16 != nullptr) store_bf16_row(w.row_bf16, row);
  RowBlock block;
  put_row(block, 0, row);
  quantize(block, 1, w.codes, w.scale);
}

}  // namespace
}  // namespace fulgurite::cpu
