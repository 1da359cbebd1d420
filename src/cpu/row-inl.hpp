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
struct Row {
  F32 part[kRowVectors];
};

FULGURITE_INLINE Row load_bf16_row(const std::uint16_t* p) {
  Row row;
#pragma GCC unroll 8
  for (int i = 0; i < kRowVectors; ++i) row.part[i] = load_bf16(p + kLanes * i);
  return row;
}
FULGURITE_INLINE void store_bf16_row(std::uint16_t* p, const Row& row) {
#pragma GCC unroll 8
  for (int i = 0; i < kRowVectors; ++i) store_bf16(p + kLanes * i, row.part[i]);
}

/// cos and sin by feature, the sine of the even feature of a pair negated: e*cos - o*sin is then
/// e*cos + o*(-sin), with the same roundings.
struct RopeTable {
  float cos[kHeadDim / 2];
  float sin[kHeadDim / 2];
};
FULGURITE_INLINE RopeTable rope_table(const float* cos, const float* sin) {
  RopeTable table;
  for (int i = 0; i < kHeadDim / 4; ++i) {
    table.cos[2 * i] = cos[i];
    table.cos[2 * i + 1] = cos[i];
    table.sin[2 * i] = -sin[i];
    table.sin[2 * i + 1] = sin[i];
  }
  return table;
}
/// rope: features 64..127 in pairs, then bf16.
FULGURITE_INLINE void rope(Row& row, const RopeTable& table) {
  constexpr int kFirst = kRowVectors / 2;
#pragma GCC unroll 4
  for (int i = 0; i < kRowVectors - kFirst; ++i) {
    const F32 x = row.part[kFirst + i];
    const F32 turned = add(mul(x, load(table.cos + kLanes * i)),
                           mul(lane_xor<1>(x), load(table.sin + kLanes * i)));
    row.part[kFirst + i] = round_bf16(turned);
  }
}

template <int kStep>
FULGURITE_INLINE void butterfly_across(Row& row) {
#pragma GCC unroll 8
  for (int i = 0; i < kRowVectors; ++i) {
    if ((i & kStep) != 0) continue;
    const F32 a = row.part[i];
    const F32 b = row.part[i + kStep];
    row.part[i] = add(a, b);
    row.part[i + kStep] = sub(a, b);
  }
}
/// row * (factor * Sylvester): butterflies of levels 1, 2, ..., 64, then the factor.
FULGURITE_INLINE void multiply_sylvester(Row& row, float factor) {
#pragma GCC unroll 8
  for (int i = 0; i < kRowVectors; ++i) {
    row.part[i] = butterfly<8>(butterfly<4>(butterfly<2>(butterfly<1>(row.part[i]))));
  }
  butterfly_across<1>(row);
  butterfly_across<2>(row);
  butterfly_across<4>(row);
#pragma GCC unroll 8
  for (int i = 0; i < kRowVectors; ++i) row.part[i] = mul(row.part[i], set1(factor));
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
  pack_x(rows, count, kHeadDim, packed);
  project({.tokens = count,
           .hidden = kHeadDim,
           .columns = kHeadDim,
           .weights = lines,
           .weight_exponents = exponents,
           .activations = packed,
           .out = out},
          0, kHeadDim);
}

FULGURITE_INLINE Row load_row(const float* p) {
  Row row;
#pragma GCC unroll 8
  for (int i = 0; i < kRowVectors; ++i) row.part[i] = load(p + kLanes * i);
  return row;
}

/// s = 127 / max(max|x|, 1e-4), code = rint(x * s), scale = 1 / s; codes 0 and scale NaN if a
/// feature is not finite.
FULGURITE_INLINE void quantize(const Row& row, std::int8_t* codes, float* scale) {
  constexpr float kLargestCode = 127.0F;
  constexpr float kSmallestAmax = 1e-4F;
  constexpr std::int32_t kInfinityBits = 0x7f800000;
  I32 largest = magnitude_bits(row.part[0]);
#pragma GCC unroll 8
  for (int i = 1; i < kRowVectors; ++i) largest = max(largest, magnitude_bits(row.part[i]));
  const std::int32_t largest_bits = largest_lane(largest);
  if (largest_bits >= kInfinityBits) {
    std::memset(codes, 0, kHeadDim);
    constexpr std::uint32_t kNan = 0x7fc00000;
    std::memcpy(scale, &kNan, sizeof kNan);
    return;
  }
  float amax;
  std::memcpy(&amax, &largest_bits, sizeof amax);
  const float s = kLargestCode / (amax > kSmallestAmax ? amax : kSmallestAmax);
  *scale = 1.0F / s;
#pragma GCC unroll 8
  for (int i = 0; i < kRowVectors; ++i) {
    store_s8(codes + kLanes * i, round_to_i32(mul(row.part[i], set1(s))));
  }
}

}  // namespace
}  // namespace fulgurite::cpu
