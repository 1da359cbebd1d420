#pragma once

#include <cstddef>
#include <cstdint>

#include "cpu/simd/inline.hpp"

// What the vocabulary of every ISA is extended with, written once on its base.

namespace fulgurite::cpu {
namespace {

FULGURITE_INLINE F32 zero_f32() { return set1(0.0F); }
FULGURITE_INLINE I32 zero_i32() { return set1(std::int32_t{0}); }
/// The bits `u` in every lane.
FULGURITE_INLINE I32 set1_bits(std::uint32_t u) { return set1(static_cast<std::int32_t>(u)); }

FULGURITE_INLINE I32 magnitude_bits(F32 a) { return bit_and(as_i32(a), set1_bits(0x7fffffffU)); }
FULGURITE_INLINE F32 abs(F32 a) { return as_f32(magnitude_bits(a)); }
FULGURITE_INLINE F32 canonical_nan(F32 a) {
  return select(is_nan(a), as_f32(set1_bits(0x7fc00000U)), a);
}

// ---- bf16, to the nearest, ties to even, by integer arithmetic: vcvtneps2bf16 would flush
// denormals
FULGURITE_INLINE F32 load_bf16(const std::uint16_t* p) {
  return as_f32(shift_left<16>(load_u16(p)));
}
/// As fp32, above 16 bits that mean nothing; NaN becomes 0x7fc0.
FULGURITE_INLINE I32 bf16_above_rest(F32 a) {
  const I32 u = as_i32(a);
  const I32 even = bit_and(shift_right<16>(u), set1(std::int32_t{1}));
  const I32 rounded = add(add(u, set1(std::int32_t{0x7fff})), even);
  return select(is_nan(a), set1_bits(0x7fc00000U), rounded);
}
/// The bf16 of each lane in the low half.
FULGURITE_INLINE I32 to_bf16(F32 a) { return shift_right<16>(bf16_above_rest(a)); }
FULGURITE_INLINE void store_bf16(std::uint16_t* p, F32 a) { store_u16(p, to_bf16(a)); }
FULGURITE_INLINE F32 round_bf16(F32 a) {
  return as_f32(bit_and(bf16_above_rest(a), set1_bits(0xffff0000U)));
}

// ---- across lanes
/// The sum of the lanes: lanes 8 apart are added first, then 4, 2, 1.
FULGURITE_INLINE float halving_sum(F32 a) {
  a = add(a, lane_xor<8>(a));
  a = add(a, lane_xor<4>(a));
  a = add(a, lane_xor<2>(a));
  return first_lane(add(a, lane_xor<1>(a)));
}
/// The largest of the lanes as integers; as_i32 of magnitudes orders them, infinities and NaNs
/// last.
FULGURITE_INLINE std::int32_t largest_lane(I32 a) {
  const auto step = [](I32 x, F32 y) FULGURITE_INLINE_LAMBDA { return max(x, as_i32(y)); };
  a = step(a, lane_xor<8>(as_f32(a)));
  a = step(a, lane_xor<4>(as_f32(a)));
  a = step(a, lane_xor<2>(as_f32(a)));
  a = step(a, lane_xor<1>(as_f32(a)));
  return first_lane(a);
}
/// One butterfly level inside a vector: lanes (a, b) that are kDistance apart become (a + b, a -
/// b).
template <int kDistance>
FULGURITE_INLINE F32 butterfly(F32 a) {
  constexpr int kBit = kDistance == 1 ? 0 : kDistance == 2 ? 1 : kDistance == 4 ? 2 : 3;
  const I32 sign = bit_and(shift_left<31 - kBit>(lane_numbers()), set1_bits(0x80000000U));
  return add_signed(lane_xor<kDistance>(a), a, sign);
}

}  // namespace
}  // namespace fulgurite::cpu
