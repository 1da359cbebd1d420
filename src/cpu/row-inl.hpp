#pragma once

#include <cstddef>
#include <cstdint>

#include "cpu/kernels.hpp"
#include "cpu/project-inl.hpp"

// A row of 128 features in vectors, and what happens to the rows of q and of the keys alike: rope,
// the Hadamard product, int8. Needs a vocabulary of cpu/simd.

namespace fulgurite::cpu {
namespace {

constexpr int kHeadDim = 128;
constexpr int kRowVectors = kHeadDim / kLanes;
constexpr int kRowPairs = kRowVectors / 2;

/// Features in pairs, as rope wants them: vectors i hold the even and the odd ones of
/// 32*i..32*i+31. Level 1 of the butterflies is then between vectors, too.
struct Row {
  F32 even[kRowPairs];
  F32 odd[kRowPairs];
};

FULGURITE_INLINE Row load_bf16_row(const std::uint16_t* p) {
  Row row;
#pragma GCC unroll 4
  for (int i = 0; i < kRowPairs; ++i) {
    const I32 pair = load_u16_pairs(p + 2 * kLanes * i);
    row.even[i] = as_f32(shift_left<16>(pair));
    row.odd[i] = as_f32(bit_and(pair, set1_bits(0xffff0000U)));
  }
  return row;
}
FULGURITE_INLINE void store_bf16_row(std::uint16_t* p, const Row& row) {
#pragma GCC unroll 4
  for (int i = 0; i < kRowPairs; ++i) {
    store_u16_pairs(p + 2 * kLanes * i,
                    bit_or(to_bf16(row.even[i]), shift_left<16>(to_bf16(row.odd[i]))));
  }
}
FULGURITE_INLINE Row load_row(const float* p) {
  Row row;
#pragma GCC unroll 4
  for (int i = 0; i < kRowPairs; ++i) {
    const F32 first = load(p + 2 * kLanes * i);
    const F32 second = load(p + 2 * kLanes * i + kLanes);
    row.even[i] = even_lanes(first, second);
    row.odd[i] = odd_lanes(first, second);
  }
  return row;
}
FULGURITE_INLINE void store_row(float* p, const Row& row) {
#pragma GCC unroll 4
  for (int i = 0; i < kRowPairs; ++i) {
    store(p + 2 * kLanes * i, interleave_low(row.even[i], row.odd[i]));
    store(p + 2 * kLanes * i + kLanes, interleave_high(row.even[i], row.odd[i]));
  }
}

/// rope: features 64..127 in pairs, then bf16; cos and sin [32].
FULGURITE_INLINE void rope(Row& row, const float* cos, const float* sin) {
  constexpr int kFirst = kRowPairs / 2;
#pragma GCC unroll 2
  for (int i = 0; i < kRowPairs - kFirst; ++i) {
    const F32 c = load(cos + kLanes * i);
    const F32 s = load(sin + kLanes * i);
    const F32 even = row.even[kFirst + i];
    const F32 odd = row.odd[kFirst + i];
    row.even[kFirst + i] = round_bf16(sub(mul(even, c), mul(odd, s)));
    row.odd[kFirst + i] = round_bf16(add(mul(odd, c), mul(even, s)));
  }
}

FULGURITE_INLINE void butterfly_across(F32& a, F32& b) {
  const F32 sum = add(a, b);
  b = sub(a, b);
  a = sum;
}
template <int kStep>
FULGURITE_INLINE void butterfly_across(F32 (&half)[kRowPairs]) {
#pragma GCC unroll 4
  for (int i = 0; i < kRowPairs; ++i) {
    if ((i & kStep) == 0) butterfly_across(half[i], half[i + kStep]);
  }
}
FULGURITE_INLINE F32 butterfly_lanes(F32 x) {
  return butterfly<8>(butterfly<4>(butterfly<2>(butterfly<1>(x))));
}
/// row * (factor * Sylvester): butterflies of levels 1, 2, ..., 64, then the factor.
FULGURITE_INLINE void multiply_sylvester(Row& row, float factor) {
#pragma GCC unroll 4
  for (int i = 0; i < kRowPairs; ++i) {
    butterfly_across(row.even[i], row.odd[i]);
    row.even[i] = butterfly_lanes(row.even[i]);
    row.odd[i] = butterfly_lanes(row.odd[i]);
  }
  butterfly_across<1>(row.even);
  butterfly_across<1>(row.odd);
  butterfly_across<2>(row.even);
  butterfly_across<2>(row.odd);
#pragma GCC unroll 4
  for (int i = 0; i < kRowPairs; ++i) {
    row.even[i] = mul(row.even[i], set1(factor));
    row.odd[i] = mul(row.odd[i], set1(factor));
  }
}

constexpr int kMatrixRows = kMaxHiddenRows;
constexpr int kMatrixBlocks = kHeadDim / kColumnBlock;

/// What `project` wants to know about the matrix without FMA: false if it holds denormals, which
/// the fast sums would not flush.
FULGURITE_INLINE bool matrix_exponents(const std::uint16_t* lines,
                                       ExponentRange (&exponents)[kMatrixBlocks]) {
  constexpr int kBlockValues = kHeadDim * kColumnBlock;
  bool denormal = false;
  for (int i = 0; i < kMatrixBlocks * kBlockValues; ++i) {
    denormal |= (lines[i] & 0x7f80) == 0 && (lines[i] & 0x7f) != 0;
  }
  for (int i = 0; i < kMatrixBlocks; ++i) {
    exponents[i] = exponents_of(lines + i * kBlockValues, kBlockValues);
  }
  return !denormal;
}

/// Up to kMatrixRows bf16 rows [rows][128] times the matrix, as the hidden states are multiplied:
/// fp32 [rows][128].
FULGURITE_INLINE void multiply_lines(const std::uint16_t* rows, std::int64_t count,
                                     const std::uint16_t* lines, const ExponentRange* exponents,
                                     float* out) {
  alignas(64) std::uint8_t packed[kMatrixRows * (kHeadDim + 16) * 4];
  pack_x({rows, count, kHeadDim}, 0, count, packed);
  project({.tokens = count,
           .hidden = kHeadDim,
           .columns = kHeadDim,
           .weights = lines,
           .weight_exponents = exponents,
           .activations = packed,
           .out = out},
          0, kHeadDim);
}

/// Rows on their way to int8. Sixteen at once, so that none waits for the extremes and the
/// divisions of the one before.
constexpr int kBlockRows = kLanes;
struct RowBlock {
  alignas(64) float features[kBlockRows][kRowVectors][kLanes];
  alignas(64) std::int32_t largest[kBlockRows] = {};  ///< of the magnitudes, their bits
};

FULGURITE_INLINE void put_row(RowBlock& block, std::int64_t i, const Row& row) {
  I32 largest = zero_i32();
#pragma GCC unroll 4
  for (int pair = 0; pair < kRowPairs; ++pair) {
    store(block.features[i][2 * pair], row.even[pair]);
    store(block.features[i][2 * pair + 1], row.odd[pair]);
    largest = max(largest, max(magnitude_bits(row.even[pair]), magnitude_bits(row.odd[pair])));
  }
  block.largest[i] = largest_lane(largest);
}

/// s = 127 / max(max|x|, 1e-4), code = rint(x * s), scale = 1 / s; codes 0 and scale NaN if a
/// feature is not finite.
FULGURITE_INLINE void quantize(const RowBlock& block, std::int64_t count, std::int8_t* codes,
                               float* scale) {
  const I32 largest = load(block.largest);
  const F32 s = div(set1(127.0F), max(as_f32(largest), set1(1e-4F)));
  alignas(64) float factors[kBlockRows];
  store(factors, s);
  store_first(scale, count, div(set1(1.0F), s));
  for (std::int64_t i = 0; i < count; ++i) {
    const F32 factor = set1(factors[i]);
#pragma GCC unroll 4
    for (int pair = 0; pair < kRowPairs; ++pair) {
      const F32 even = load(block.features[i][2 * pair]);
      const F32 odd = load(block.features[i][2 * pair + 1]);
      store_s8_pairs(codes + i * kHeadDim + 2 * kLanes * pair, round_to_i32(mul(even, factor)),
                     round_to_i32(mul(odd, factor)));
    }
  }
  const std::uint32_t not_finite = bits(greater(largest, set1(std::int32_t{0x7f7fffff})));
  for (std::int64_t i = 0; not_finite >> i != 0; ++i) {
    if ((not_finite >> i & 1U) == 0) continue;
    std::memset(codes + i * kHeadDim, 0, kHeadDim);
    constexpr std::uint32_t kNan = 0x7fc00000;
    std::memcpy(scale + i, &kNan, sizeof kNan);
  }
}

/// Rows row_of(0), row_of(1), .. to codes [count, 128] and scale [count].
template <class RowOf>
FULGURITE_INLINE void quantize_each(std::int64_t count, std::int8_t* codes, float* scale,
                                    const RowOf& row_of) {
  for (std::int64_t first = 0; first < count; first += kBlockRows) {
    const std::int64_t left = count - first;
    const std::int64_t rows = left < kBlockRows ? left : kBlockRows;
    RowBlock block;
    for (std::int64_t i = 0; i < rows; ++i) put_row(block, i, row_of(first + i));
    quantize(block, rows, codes + first * kHeadDim, scale + first);
  }
}

}  // namespace
}  // namespace fulgurite::cpu
