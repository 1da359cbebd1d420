#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "cpu/simd/inline.hpp"

// The vocabulary of the kernels (simd/README.md) on AVX-512 F, BW, DQ, VL and VNNI. With
// AVX512-BF16 the bf16 Dot is one instruction.

namespace fulgurite::cpu {
namespace {

#define FULGURITE_ZMM_VOCABULARY
constexpr int kLanes = 16;
using F32 = __m512;
using I32 = __m512i;
using Mask = __mmask16;

// What the blocking of the kernels may depend on.
constexpr int kVectorRegisters = 32;  // that hold a whole F32
constexpr bool kHasFusedMultiplyAdd = true;
constexpr int kTileGroups = 2;       // groups of 16 keys that are scored together
constexpr int kHeadsAtOnce = 4;      // whose Dots with a tile are formed together
constexpr bool kSpreadParts = true;  // the next tile is brought in between the lines of a Dot

// ---- constants, loads and stores
FULGURITE_INLINE F32 set1(float x) { return _mm512_set1_ps(x); }
FULGURITE_INLINE I32 set1(std::int32_t x) { return _mm512_set1_epi32(x); }
FULGURITE_INLINE I32 lane_numbers() {
  return _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}
FULGURITE_INLINE F32 load(const float* p) { return _mm512_loadu_ps(p); }
FULGURITE_INLINE I32 load(const std::int32_t* p) { return _mm512_loadu_si512(p); }
FULGURITE_INLINE I32 load(const std::uint32_t* p) { return _mm512_loadu_si512(p); }
FULGURITE_INLINE void store(float* p, F32 x) { _mm512_storeu_ps(p, x); }
FULGURITE_INLINE void store(std::int32_t* p, I32 x) { _mm512_storeu_si512(p, x); }
FULGURITE_INLINE void store(std::uint32_t* p, I32 x) { _mm512_storeu_si512(p, x); }

// ---- masks
FULGURITE_INLINE Mask first_lanes(std::int64_t n) {
  return n >= kLanes ? Mask{0xffff} : static_cast<Mask>((1U << n) - 1U);
}
FULGURITE_INLINE std::uint32_t bits(Mask m) { return m; }
FULGURITE_INLINE Mask mask_and(Mask a, Mask b) { return static_cast<Mask>(a & b); }
FULGURITE_INLINE Mask mask_or(Mask a, Mask b) { return static_cast<Mask>(a | b); }
FULGURITE_INLINE Mask mask_not(Mask a) { return static_cast<Mask>(~unsigned{a}); }
FULGURITE_INLINE F32 select(Mask m, F32 yes, F32 no) { return _mm512_mask_blend_ps(m, no, yes); }
FULGURITE_INLINE I32 select(Mask m, I32 yes, I32 no) { return _mm512_mask_blend_epi32(m, no, yes); }
FULGURITE_INLINE F32 load_first(const float* p, std::int64_t n) {
  return _mm512_maskz_loadu_ps(first_lanes(n), p);
}
FULGURITE_INLINE I32 load_first(const std::uint32_t* p, std::int64_t n) {
  return _mm512_maskz_loadu_epi32(first_lanes(n), p);
}
FULGURITE_INLINE void store_first(float* p, std::int64_t n, F32 x) {
  _mm512_mask_storeu_ps(p, first_lanes(n), x);
}

// ---- arithmetic, each operation rounded once
FULGURITE_INLINE F32 add(F32 a, F32 b) { return _mm512_add_ps(a, b); }
FULGURITE_INLINE F32 sub(F32 a, F32 b) { return _mm512_sub_ps(a, b); }
FULGURITE_INLINE F32 mul(F32 a, F32 b) { return _mm512_mul_ps(a, b); }
FULGURITE_INLINE F32 div(F32 a, F32 b) { return _mm512_div_ps(a, b); }
FULGURITE_INLINE F32 max(F32 a, F32 b) { return _mm512_max_ps(a, b); }
FULGURITE_INLINE F32 min(F32 a, F32 b) { return _mm512_min_ps(a, b); }
FULGURITE_INLINE I32 add(I32 a, I32 b) { return _mm512_add_epi32(a, b); }
FULGURITE_INLINE I32 sub(I32 a, I32 b) { return _mm512_sub_epi32(a, b); }
FULGURITE_INLINE I32 max(I32 a, I32 b) { return _mm512_max_epi32(a, b); }
FULGURITE_INLINE I32 bit_and(I32 a, I32 b) { return _mm512_and_si512(a, b); }
FULGURITE_INLINE I32 bit_or(I32 a, I32 b) { return _mm512_or_si512(a, b); }
FULGURITE_INLINE I32 bit_xor(I32 a, I32 b) { return _mm512_xor_si512(a, b); }
template <int kBits>
FULGURITE_INLINE I32 shift_left(I32 a) {
  return _mm512_slli_epi32(a, kBits);
}
template <int kBits>
FULGURITE_INLINE I32 shift_right(I32 a) {
  return _mm512_srli_epi32(a, kBits);
}
template <int kBits>
FULGURITE_INLINE I32 shift_right_signed(I32 a) {
  return _mm512_srai_epi32(a, kBits);
}
FULGURITE_INLINE Mask greater(F32 a, F32 b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
FULGURITE_INLINE Mask less(F32 a, F32 b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
FULGURITE_INLINE Mask equal(F32 a, F32 b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
FULGURITE_INLINE Mask is_nan(F32 a) { return _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q); }
FULGURITE_INLINE Mask greater(I32 a, I32 b) { return _mm512_cmpgt_epi32_mask(a, b); }

/// a + b, or a - b where `sign` has the sign bit and not 0. A product with +-1 is exact, so one
/// fused operation rounds alike.
FULGURITE_INLINE F32 add_signed(F32 a, F32 b, I32 sign) {
  return _mm512_fmadd_ps(
      b, _mm512_castsi512_ps(_mm512_or_si512(sign, _mm512_castps_si512(set1(1.0F)))), a);
}
// ---- conversions
FULGURITE_INLINE I32 as_i32(F32 a) { return _mm512_castps_si512(a); }
FULGURITE_INLINE F32 as_f32(I32 a) { return _mm512_castsi512_ps(a); }
FULGURITE_INLINE F32 to_f32(I32 a) { return _mm512_cvtepi32_ps(a); }
FULGURITE_INLINE I32 round_to_i32(F32 a) { return _mm512_cvtps_epi32(a); }
/// The low bytes, even and odd in turn: 32 bytes.
FULGURITE_INLINE void store_s8_pairs(std::int8_t* p, I32 even, I32 odd) {
  constexpr int kFromThird = 0xe2;  // b ? a : c
  const I32 low_bytes = set1(std::int32_t{0xff});
  const I32 pairs =
      _mm512_ternarylogic_epi32(even, low_bytes, _mm512_slli_epi32(odd, 8), kFromThird);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(pairs));
}
/// Two u16 a lane, the first one low.
FULGURITE_INLINE I32 load_u16_pairs(const std::uint16_t* p) { return _mm512_loadu_si512(p); }
FULGURITE_INLINE void store_u16_pairs(std::uint16_t* p, I32 a) { _mm512_storeu_si512(p, a); }
FULGURITE_INLINE I32 load_u16(const std::uint16_t* p) {
  return _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
FULGURITE_INLINE void store_u16(std::uint16_t* p, I32 a) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(a));
}

// ---- across lanes
template <int kDistance>
FULGURITE_INLINE F32 lane_xor(F32 a) {
  static_assert(kDistance == 1 || kDistance == 2 || kDistance == 4 || kDistance == 8);
  if constexpr (kDistance == 1) return _mm512_permute_ps(a, 0xb1);
  if constexpr (kDistance == 2) return _mm512_permute_ps(a, 0x4e);
  if constexpr (kDistance == 4) return _mm512_shuffle_f32x4(a, a, 0xb1);
  if constexpr (kDistance == 8) return _mm512_shuffle_f32x4(a, a, 0x4e);
}
/// Every other lane of the 32 lanes of a, then b.
FULGURITE_INLINE F32 even_lanes(F32 a, F32 b) {
  return _mm512_permutex2var_ps(a, shift_left<1>(lane_numbers()), b);
}
FULGURITE_INLINE F32 odd_lanes(F32 a, F32 b) {
  return _mm512_permutex2var_ps(a, add(shift_left<1>(lane_numbers()), set1(std::int32_t{1})), b);
}
/// The lanes 0..7, or 8..15, of a and b in turn.
FULGURITE_INLINE F32 interleave_low(F32 a, F32 b) {
  return _mm512_permutex2var_ps(
      a, _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23), b);
}
FULGURITE_INLINE F32 interleave_high(F32 a, F32 b) {
  return _mm512_permutex2var_ps(
      a, _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31), b);
}
FULGURITE_INLINE float first_lane(F32 a) { return _mm512_cvtss_f32(a); }
FULGURITE_INLINE std::int32_t first_lane(I32 a) { return _mm512_cvtsi512_si32(a); }

/// Puts the lanes of the mask at scores[0..) and rows[0..), and returns how many there are. All
/// sixteen places may be written.
FULGURITE_INLINE int append(float* scores, std::uint32_t* rows, Mask m, F32 score, I32 row) {
  // To registers first: vpcompress to memory is microcoded on Zen 4.
  store(scores, _mm512_maskz_compress_ps(m, score));
  store(rows, _mm512_maskz_compress_epi32(m, row));
  return __builtin_popcount(m);
}
constexpr bool kAppendIsCheap = true;

// ---- int8 Dot
constexpr std::size_t kWordBytes = 4;
constexpr std::size_t kTileLineBytes = 64;
using Line = __m512i;
using Word = __m512i;
FULGURITE_INLINE Line load_line(const std::uint8_t* biased) { return _mm512_load_si512(biased); }
FULGURITE_INLINE Line load_tile_line(const std::uint8_t* tile) { return _mm512_load_si512(tile); }
FULGURITE_INLINE void store_tile_half(std::uint8_t* line, int half, __m256i biased) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(line + 32 * half), biased);
}
FULGURITE_INLINE Word load_word(const std::uint8_t* word) {
  std::int32_t w;
  std::memcpy(&w, word, sizeof w);
  return _mm512_set1_epi32(w);
}
FULGURITE_INLINE void store_word(std::uint8_t* word, const std::int8_t* four) {
  std::memcpy(word, four, 4);
}
FULGURITE_INLINE I32 dot(I32 sum, Line line, Word word) {
  return _mm512_dpbusd_epi32(sum, line, word);
}
// A sum that lives in a loop: GCC 12 copies the register whenever a value changes between __m512i
// and the type that the instruction has, and spills for want of registers.
using Sum = std::int32_t __attribute__((vector_size(64)));
FULGURITE_INLINE Sum to_sum(I32 a) { return reinterpret_cast<Sum>(a); }
FULGURITE_INLINE I32 to_i32(Sum a) { return reinterpret_cast<I32>(a); }
FULGURITE_INLINE Sum dot(Sum sum, Line line, Word word) {
  return to_sum(dot(to_i32(sum), line, word));
}

// ---- bf16 Dot; without AVX512-BF16 it needs FlushDenormals
#if defined(__AVX512BF16__)
constexpr std::size_t kBf16WordBytes = 4;
using Bf16Line = __m512bh;
using Bf16Word = __m512bh;
FULGURITE_INLINE Bf16Line load_bf16_line(const std::uint16_t* pairs) {
  const __m512i line = _mm512_loadu_si512(pairs);
  Bf16Line bf16;
  std::memcpy(&bf16, &line, sizeof bf16);
  return bf16;
}
FULGURITE_INLINE Bf16Word load_bf16_word(const std::uint8_t* word) {
  std::int32_t w;
  std::memcpy(&w, word, sizeof w);
  const __m512i all = _mm512_set1_epi32(w);
  Bf16Word bf16;
  std::memcpy(&bf16, &all, sizeof bf16);
  return bf16;
}
FULGURITE_INLINE void store_bf16_word(std::uint8_t* word, std::uint16_t even, std::uint16_t odd) {
  std::memcpy(word, &even, sizeof even);
  std::memcpy(word + sizeof even, &odd, sizeof odd);
}
FULGURITE_INLINE F32 dot(F32 sum, Bf16Line line, Bf16Word word) {
  return _mm512_dpbf16_ps(sum, line, word);
}
#else
constexpr std::size_t kBf16WordBytes = 8;
struct Bf16Line {
  F32 even, odd;
};
struct Bf16Word {
  F32 even, odd;
};
FULGURITE_INLINE Bf16Line load_bf16_line(const std::uint16_t* pairs) {
  const __m512i line = _mm512_loadu_si512(pairs);
  return {as_f32(shift_left<16>(line)),
          as_f32(bit_and(line, set1(static_cast<std::int32_t>(0xffff0000U))))};
}
FULGURITE_INLINE Bf16Word load_bf16_word(const std::uint8_t* word) {
  float even;
  float odd;
  std::memcpy(&even, word, sizeof even);
  std::memcpy(&odd, word + sizeof even, sizeof odd);
  return {set1(even), set1(odd)};
}
FULGURITE_INLINE void store_bf16_word(std::uint8_t* word, std::uint16_t even, std::uint16_t odd) {
  const std::uint32_t wide[2] = {std::uint32_t{even} << 16, std::uint32_t{odd} << 16};
  std::memcpy(word, wide, sizeof wide);
}
FULGURITE_INLINE F32 dot(F32 sum, Bf16Line line, Bf16Word word) {
  return _mm512_fmadd_ps(line.even, word.even, _mm512_fmadd_ps(line.odd, word.odd, sum));
}
#endif

}  // namespace
}  // namespace fulgurite::cpu

#include "cpu/simd/derived.hpp"
#include "cpu/simd/flush.hpp"
#include "cpu/simd/key_tile.hpp"
