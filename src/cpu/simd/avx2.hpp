#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "cpu/simd/inline.hpp"

// The vocabulary of the kernels on AVX2 and FMA: sixteen lanes are two registers. With AVX-VNNI the
// int8 Dot is one instruction; without, pmaddwd on 16-bit halves.

namespace fulgurite::cpu {
namespace {

constexpr int kLanes = 16;
struct F32 {
  __m256 low, high;  // lanes 0..7, 8..15
};
struct I32 {
  __m256i low, high;
};
struct Mask {
  __m256 low, high;  // all bits of a lane, or none
};

// What the blocking of the kernels may depend on.
constexpr int kVectorRegisters = 8;  // that hold a whole F32
constexpr bool kHasFusedMultiplyAdd = true;
constexpr int kTileGroups = 1;        // groups of 16 keys that are scored together
constexpr bool kSpreadParts = false;  // the next tile is brought in between the lines of a Dot

// ---- constants, loads and stores
FULGURITE_INLINE F32 set1(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
FULGURITE_INLINE I32 set1(std::int32_t x) { return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)}; }
FULGURITE_INLINE I32 lane_numbers() {
  return {_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7),
          _mm256_setr_epi32(8, 9, 10, 11, 12, 13, 14, 15)};
}
FULGURITE_INLINE __m256i load_256(const void* p) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(p));
}
FULGURITE_INLINE void store_256(void* p, __m256i x) {
  _mm256_storeu_si256(static_cast<__m256i*>(p), x);
}
FULGURITE_INLINE F32 load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
FULGURITE_INLINE I32 load(const std::int32_t* p) { return {load_256(p), load_256(p + 8)}; }
FULGURITE_INLINE I32 load(const std::uint32_t* p) { return {load_256(p), load_256(p + 8)}; }
FULGURITE_INLINE void store(float* p, F32 x) {
  _mm256_storeu_ps(p, x.low);
  _mm256_storeu_ps(p + 8, x.high);
}
FULGURITE_INLINE void store(std::int32_t* p, I32 x) {
  store_256(p, x.low);
  store_256(p + 8, x.high);
}
FULGURITE_INLINE void store(std::uint32_t* p, I32 x) {
  store_256(p, x.low);
  store_256(p + 8, x.high);
}

// ---- conversions
FULGURITE_INLINE I32 as_i32(F32 a) {
  return {_mm256_castps_si256(a.low), _mm256_castps_si256(a.high)};
}
FULGURITE_INLINE F32 as_f32(I32 a) {
  return {_mm256_castsi256_ps(a.low), _mm256_castsi256_ps(a.high)};
}
FULGURITE_INLINE F32 to_f32(I32 a) {
  return {_mm256_cvtepi32_ps(a.low), _mm256_cvtepi32_ps(a.high)};
}
FULGURITE_INLINE I32 round_to_i32(F32 a) {
  return {_mm256_cvtps_epi32(a.low), _mm256_cvtps_epi32(a.high)};
}
/// Two u16 a lane, the first one low.
FULGURITE_INLINE I32 load_u16_pairs(const std::uint16_t* p) {
  const auto* half = reinterpret_cast<const __m256i*>(p);
  return {_mm256_loadu_si256(half), _mm256_loadu_si256(half + 1)};
}
FULGURITE_INLINE void store_u16_pairs(std::uint16_t* p, I32 a) {
  store_256(p, a.low);
  store_256(p + 16, a.high);
}
FULGURITE_INLINE I32 load_u16(const std::uint16_t* p) {
  const auto* quarter = reinterpret_cast<const __m128i*>(p);
  return {_mm256_cvtepu16_epi32(_mm_loadu_si128(quarter)),
          _mm256_cvtepu16_epi32(_mm_loadu_si128(quarter + 1))};
}
/// Sixteen values below 2^16 as 16 bits each.
FULGURITE_INLINE __m256i narrow_u16(__m256i low, __m256i high) {
  return _mm256_permute4x64_epi64(_mm256_packus_epi32(low, high), 0xd8);
}
FULGURITE_INLINE void store_u16(std::uint16_t* p, I32 a) {
  store_256(p, narrow_u16(a.low, a.high));
}
/// The low bytes, even and odd in turn: 32 bytes.
FULGURITE_INLINE void store_s8_pairs(std::int8_t* p, I32 even, I32 odd) {
  const auto pairs = [](__m256i e, __m256i o) FULGURITE_INLINE_LAMBDA {
    const __m256i low_byte = _mm256_and_si256(e, _mm256_set1_epi32(0xff));
    return _mm256_or_si256(low_byte, _mm256_srli_epi32(_mm256_slli_epi32(o, 24), 16));
  };
  store_256(p, narrow_u16(pairs(even.low, odd.low), pairs(even.high, odd.high)));
}

// ---- masks
FULGURITE_INLINE Mask first_lanes(std::int64_t n) {
  const auto all = set1(static_cast<std::int32_t>(n < kLanes ? n : kLanes));
  const auto lane = lane_numbers();
  return {_mm256_castsi256_ps(_mm256_cmpgt_epi32(all.low, lane.low)),
          _mm256_castsi256_ps(_mm256_cmpgt_epi32(all.high, lane.high))};
}
FULGURITE_INLINE std::uint32_t bits(Mask m) {
  return static_cast<std::uint32_t>(_mm256_movemask_ps(m.low)) |
         static_cast<std::uint32_t>(_mm256_movemask_ps(m.high)) << 8;
}
FULGURITE_INLINE Mask mask_and(Mask a, Mask b) {
  return {_mm256_and_ps(a.low, b.low), _mm256_and_ps(a.high, b.high)};
}
FULGURITE_INLINE Mask mask_or(Mask a, Mask b) {
  return {_mm256_or_ps(a.low, b.low), _mm256_or_ps(a.high, b.high)};
}
FULGURITE_INLINE Mask mask_not(Mask a) {
  const __m256 ones = _mm256_castsi256_ps(_mm256_set1_epi32(-1));
  return {_mm256_xor_ps(a.low, ones), _mm256_xor_ps(a.high, ones)};
}
FULGURITE_INLINE F32 select(Mask m, F32 yes, F32 no) {
  return {_mm256_blendv_ps(no.low, yes.low, m.low), _mm256_blendv_ps(no.high, yes.high, m.high)};
}
FULGURITE_INLINE I32 select(Mask m, I32 yes, I32 no) {
  return as_i32(select(m, as_f32(yes), as_f32(no)));
}
FULGURITE_INLINE F32 load_first(const float* p, std::int64_t n) {
  const Mask in = first_lanes(n);  // a masked load touches nothing outside the mask
  return {_mm256_maskload_ps(p, _mm256_castps_si256(in.low)),
          _mm256_maskload_ps(p + 8, _mm256_castps_si256(in.high))};
}
FULGURITE_INLINE void store_first(float* p, std::int64_t n, F32 x) {
  const Mask in = first_lanes(n);
  _mm256_maskstore_ps(p, _mm256_castps_si256(in.low), x.low);
  _mm256_maskstore_ps(p + 8, _mm256_castps_si256(in.high), x.high);
}

// ---- arithmetic, each operation rounded once
FULGURITE_INLINE F32 add(F32 a, F32 b) {
  return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)};
}
FULGURITE_INLINE F32 sub(F32 a, F32 b) {
  return {_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)};
}
FULGURITE_INLINE F32 mul(F32 a, F32 b) {
  return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)};
}
FULGURITE_INLINE F32 div(F32 a, F32 b) {
  return {_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)};
}
FULGURITE_INLINE F32 max(F32 a, F32 b) {
  return {_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)};
}
FULGURITE_INLINE F32 min(F32 a, F32 b) {
  return {_mm256_min_ps(a.low, b.low), _mm256_min_ps(a.high, b.high)};
}
FULGURITE_INLINE I32 add(I32 a, I32 b) {
  return {_mm256_add_epi32(a.low, b.low), _mm256_add_epi32(a.high, b.high)};
}
FULGURITE_INLINE I32 sub(I32 a, I32 b) {
  return {_mm256_sub_epi32(a.low, b.low), _mm256_sub_epi32(a.high, b.high)};
}
FULGURITE_INLINE I32 max(I32 a, I32 b) {
  return {_mm256_max_epi32(a.low, b.low), _mm256_max_epi32(a.high, b.high)};
}
FULGURITE_INLINE I32 bit_and(I32 a, I32 b) {
  return {_mm256_and_si256(a.low, b.low), _mm256_and_si256(a.high, b.high)};
}
FULGURITE_INLINE I32 bit_or(I32 a, I32 b) {
  return {_mm256_or_si256(a.low, b.low), _mm256_or_si256(a.high, b.high)};
}
FULGURITE_INLINE I32 bit_xor(I32 a, I32 b) {
  return {_mm256_xor_si256(a.low, b.low), _mm256_xor_si256(a.high, b.high)};
}
/// a + b, or a - b where `sign` has the sign bit and not 0. A product with +-1 is exact, so one
/// fused operation rounds alike.
FULGURITE_INLINE F32 add_signed(F32 a, F32 b, I32 sign) {
  const __m256 one = _mm256_set1_ps(1.0F);
  return {_mm256_fmadd_ps(b.low, _mm256_or_ps(one, _mm256_castsi256_ps(sign.low)), a.low),
          _mm256_fmadd_ps(b.high, _mm256_or_ps(one, _mm256_castsi256_ps(sign.high)), a.high)};
}
template <int kBits>
FULGURITE_INLINE I32 shift_left(I32 a) {
  return {_mm256_slli_epi32(a.low, kBits), _mm256_slli_epi32(a.high, kBits)};
}
template <int kBits>
FULGURITE_INLINE I32 shift_right(I32 a) {
  return {_mm256_srli_epi32(a.low, kBits), _mm256_srli_epi32(a.high, kBits)};
}
template <int kBits>
FULGURITE_INLINE I32 shift_right_signed(I32 a) {
  return {_mm256_srai_epi32(a.low, kBits), _mm256_srai_epi32(a.high, kBits)};
}
template <int kPredicate>
FULGURITE_INLINE Mask compare(F32 a, F32 b) {
  return {_mm256_cmp_ps(a.low, b.low, kPredicate), _mm256_cmp_ps(a.high, b.high, kPredicate)};
}
FULGURITE_INLINE Mask greater(F32 a, F32 b) { return compare<_CMP_GT_OQ>(a, b); }
FULGURITE_INLINE Mask less(F32 a, F32 b) { return compare<_CMP_LT_OQ>(a, b); }
FULGURITE_INLINE Mask equal(F32 a, F32 b) { return compare<_CMP_EQ_OQ>(a, b); }
FULGURITE_INLINE Mask is_nan(F32 a) { return compare<_CMP_UNORD_Q>(a, a); }
FULGURITE_INLINE Mask greater(I32 a, I32 b) {
  return {_mm256_castsi256_ps(_mm256_cmpgt_epi32(a.low, b.low)),
          _mm256_castsi256_ps(_mm256_cmpgt_epi32(a.high, b.high))};
}

// ---- across lanes
template <int kDistance>
FULGURITE_INLINE F32 lane_xor(F32 a) {
  static_assert(kDistance == 1 || kDistance == 2 || kDistance == 4 || kDistance == 8);
  if constexpr (kDistance == 8) {
    return {a.high, a.low};
  } else if constexpr (kDistance == 4) {
    return {_mm256_permute2f128_ps(a.low, a.low, 1), _mm256_permute2f128_ps(a.high, a.high, 1)};
  } else {
    constexpr int kOrder = kDistance == 2 ? 0x4e : 0xb1;
    return {_mm256_permute_ps(a.low, kOrder), _mm256_permute_ps(a.high, kOrder)};
  }
}
/// Lanes 0, 2, .. of x, then of y; or 1, 3, ..
template <int kOdd>
FULGURITE_INLINE __m256 every_other(__m256 x, __m256 y) {
  const __m256 halves = _mm256_shuffle_ps(x, y, kOdd == 0 ? 0x88 : 0xdd);
  return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(halves), 0xd8));
}
/// Every other lane of the 32 lanes of a, then b.
FULGURITE_INLINE F32 even_lanes(F32 a, F32 b) {
  return {every_other<0>(a.low, a.high), every_other<0>(b.low, b.high)};
}
FULGURITE_INLINE F32 odd_lanes(F32 a, F32 b) {
  return {every_other<1>(a.low, a.high), every_other<1>(b.low, b.high)};
}
FULGURITE_INLINE F32 interleave(__m256 a, __m256 b) {
  const __m256 first = _mm256_unpacklo_ps(a, b);
  const __m256 second = _mm256_unpackhi_ps(a, b);
  return {_mm256_permute2f128_ps(first, second, 0x20), _mm256_permute2f128_ps(first, second, 0x31)};
}
/// The lanes 0..7, or 8..15, of a and b in turn.
FULGURITE_INLINE F32 interleave_low(F32 a, F32 b) { return interleave(a.low, b.low); }
FULGURITE_INLINE F32 interleave_high(F32 a, F32 b) { return interleave(a.high, b.high); }
FULGURITE_INLINE float first_lane(F32 a) { return _mm256_cvtss_f32(a.low); }
FULGURITE_INLINE std::int32_t first_lane(I32 a) { return _mm256_cvtsi256_si32(a.low); }

/// Puts the lanes of the mask at scores[0..) and rows[0..), and returns how many there are. All
/// sixteen places may be written.
FULGURITE_INLINE int append(float* scores, std::uint32_t* rows, Mask m, F32 score, I32 row) {
  const std::uint32_t set = bits(m);
  float each_score[kLanes];
  std::uint32_t each_row[kLanes];
  store(each_score, score);
  store(each_row, row);
  int count = 0;
  for (int lane = 0; lane < kLanes; ++lane) {
    scores[count] = each_score[lane];
    rows[count] = each_row[lane];
    count += static_cast<int>(set >> lane & 1U);
  }
  return count;
}
constexpr bool kAppendIsCheap = false;

// ---- int8 Dot
#if defined(__AVXVNNI__) || (defined(__AVX512VNNI__) && defined(__AVX512VL__))
// Whose Dots with a tile are formed together: twelve sums, of sixteen registers. Eight would not
// cover the latency of two vpdpbusd a cycle.
constexpr int kHeadsAtOnce = 6;
constexpr std::size_t kWordBytes = 4;
constexpr std::size_t kTileLineBytes = 64;
using Line = I32;
using Word = __m256i;
FULGURITE_INLINE Line load_line(const std::uint8_t* biased) {
  return {load_256(biased), load_256(biased + 32)};
}
FULGURITE_INLINE Line load_tile_line(const std::uint8_t* tile) { return load_line(tile); }
FULGURITE_INLINE void store_tile_half(std::uint8_t* line, int half, __m256i biased) {
  store_256(line + 32 * half, biased);
}
FULGURITE_INLINE Word load_word(const std::uint8_t* word) {
  std::int32_t w;
  std::memcpy(&w, word, sizeof w);
  return _mm256_set1_epi32(w);
}
FULGURITE_INLINE void store_word(std::uint8_t* word, const std::int8_t* four) {
  std::memcpy(word, four, kWordBytes);
}
FULGURITE_INLINE __m256i dpbusd(__m256i sum, __m256i line, __m256i word) {
#if defined(__AVXVNNI__)
  return _mm256_dpbusd_avx_epi32(sum, line, word);
#else
  return _mm256_dpbusd_epi32(sum, line, word);
#endif
}
FULGURITE_INLINE I32 dot(I32 sum, Line line, Word word) {
  return {dpbusd(sum.low, line.low, word), dpbusd(sum.high, line.high, word)};
}
#else
// pmaddubsw would saturate (255 * 127 * 2 > 32767), so both sides are widened to 16 bits: bytes 0
// and 2 of every four in one half, 1 and 3 in the other.
constexpr int kHeadsAtOnce = 4;
constexpr std::size_t kWordBytes = 8;
constexpr std::size_t kTileLineBytes = 128;
struct Line {
  I32 even, odd;
};
struct Word {
  __m256i even, odd;
};
FULGURITE_INLINE __m256i even_bytes(__m256i x) {
  return _mm256_and_si256(x, _mm256_set1_epi16(0x00ff));
}
FULGURITE_INLINE __m256i odd_bytes(__m256i x) { return _mm256_srli_epi16(x, 8); }
FULGURITE_INLINE Line load_line(const std::uint8_t* biased) {
  const __m256i low = load_256(biased);
  const __m256i high = load_256(biased + 32);
  return {{even_bytes(low), even_bytes(high)}, {odd_bytes(low), odd_bytes(high)}};
}
FULGURITE_INLINE Line load_tile_line(const std::uint8_t* tile) {
  return {{load_256(tile), load_256(tile + 32)}, {load_256(tile + 64), load_256(tile + 96)}};
}
FULGURITE_INLINE void store_tile_half(std::uint8_t* line, int half, __m256i biased) {
  store_256(line + 32 * half, even_bytes(biased));
  store_256(line + 64 + 32 * half, odd_bytes(biased));
}
FULGURITE_INLINE Word load_word(const std::uint8_t* word) {
  std::int32_t pair[2];
  std::memcpy(pair, word, sizeof pair);
  return {_mm256_set1_epi32(pair[0]), _mm256_set1_epi32(pair[1])};
}
FULGURITE_INLINE void store_word(std::uint8_t* word, const std::int8_t* four) {
  const std::int16_t wide[4] = {four[0], four[2], four[1], four[3]};
  std::memcpy(word, wide, sizeof wide);
}
FULGURITE_INLINE __m256i dot_half(__m256i sum, __m256i even, __m256i odd, Word word) {
  return _mm256_add_epi32(_mm256_add_epi32(sum, _mm256_madd_epi16(even, word.even)),
                          _mm256_madd_epi16(odd, word.odd));
}
FULGURITE_INLINE I32 dot(I32 sum, Line line, Word word) {
  return {dot_half(sum.low, line.even.low, line.odd.low, word),
          dot_half(sum.high, line.even.high, line.odd.high, word)};
}
#endif
// A sum that lives in a loop: GCC 12 copies the register whenever a value changes between __m256i
// and the type that the instruction has, and spills for want of registers.
using EightI32 = std::int32_t __attribute__((vector_size(32)));
struct Sum {
  EightI32 low, high;
};
FULGURITE_INLINE Sum to_sum(I32 a) {
  return {reinterpret_cast<EightI32>(a.low), reinterpret_cast<EightI32>(a.high)};
}
FULGURITE_INLINE I32 to_i32(Sum a) {
  return {reinterpret_cast<__m256i>(a.low), reinterpret_cast<__m256i>(a.high)};
}
FULGURITE_INLINE Sum dot(Sum sum, Line line, Word word) {
  return to_sum(dot(to_i32(sum), line, word));
}

// ---- bf16 Dot; needs FlushDenormals
constexpr std::size_t kBf16WordBytes = 8;
struct Bf16Line {
  F32 even, odd;
};
struct Bf16Word {
  __m256 even, odd;
};
FULGURITE_INLINE Bf16Line load_bf16_line(const std::uint16_t* pairs) {
  const __m256i low = load_256(pairs);
  const __m256i high = load_256(pairs + 16);
  const __m256i odd = _mm256_set1_epi32(static_cast<std::int32_t>(0xffff0000U));
  return {as_f32(I32{_mm256_slli_epi32(low, 16), _mm256_slli_epi32(high, 16)}),
          as_f32(I32{_mm256_and_si256(low, odd), _mm256_and_si256(high, odd)})};
}
FULGURITE_INLINE Bf16Word load_bf16_word(const std::uint8_t* word) {
  float pair[2];
  std::memcpy(pair, word, sizeof pair);
  return {_mm256_set1_ps(pair[0]), _mm256_set1_ps(pair[1])};
}
FULGURITE_INLINE void store_bf16_word(std::uint8_t* word, std::uint16_t even, std::uint16_t odd) {
  const std::uint32_t wide[2] = {std::uint32_t{even} << 16, std::uint32_t{odd} << 16};
  std::memcpy(word, wide, sizeof wide);
}
FULGURITE_INLINE F32 dot(F32 sum, Bf16Line line, Bf16Word word) {
  sum.low = _mm256_fmadd_ps(line.odd.low, word.odd, sum.low);
  sum.high = _mm256_fmadd_ps(line.odd.high, word.odd, sum.high);
  sum.low = _mm256_fmadd_ps(line.even.low, word.even, sum.low);
  sum.high = _mm256_fmadd_ps(line.even.high, word.even, sum.high);
  return sum;
}

}  // namespace
}  // namespace fulgurite::cpu

#include "cpu/simd/derived.hpp"
#include "cpu/simd/flush.hpp"
#include "cpu/simd/key_tile.hpp"
