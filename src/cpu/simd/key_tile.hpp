#pragma once

#include <immintrin.h>

#include "cpu/simd/inline.hpp"

// Keys to tile lines in 256-bit registers, for AVX2 and AVX-512 alike: an insert from memory costs
// one pipe cycle where a 512-bit masked load costs two, and a 512-bit store takes two cycles
// anyway.

namespace fulgurite::cpu {
namespace {

constexpr std::size_t kTileLines = 32;
constexpr std::size_t kTileGroupBytes = kTileLines * kTileLineBytes;

/// Where the word of features 4*four..4*four+3 of a head is: [H/4][32 fours][4 heads].
FULGURITE_INLINE std::size_t query_word(std::int64_t head, int four) {
  return (static_cast<std::size_t>(head / 4 * 32 + four) * 4 + static_cast<std::size_t>(head % 4)) *
         kWordBytes;
}

/// Features 16*part..16*part+15 of the 16 keys rows[0..16) become lines 4*part..4*part+3 of
/// `group`. `rows[i]` is a pointer to the 128 codes of key i.
template <class Rows>
FULGURITE_INLINE void transpose_part(const Rows& rows, int part, std::uint8_t* group) {
  std::uint8_t* const line = group + static_cast<std::size_t>(part) * 4 * kTileLineBytes;
#pragma GCC unroll 2
  for (int half = 0; half < 2; ++half) {
    __m256i four[4];  // 128-bit lane b of four[j] is key 8*half + 4*b + j
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      const auto piece = [&](int b) FULGURITE_INLINE_LAMBDA {
        return _mm_loadu_si128(
            reinterpret_cast<const __m128i*>(rows[8 * half + 4 * b + j] + 16 * part));
      };
      four[j] = _mm256_inserti128_si256(_mm256_castsi128_si256(piece(0)), piece(1), 1);
      four[j] = _mm256_xor_si256(four[j], _mm256_set1_epi8(-128));
    }
    const __m256i low01 = _mm256_unpacklo_epi32(four[0], four[1]);
    const __m256i low23 = _mm256_unpacklo_epi32(four[2], four[3]);
    const __m256i high01 = _mm256_unpackhi_epi32(four[0], four[1]);
    const __m256i high23 = _mm256_unpackhi_epi32(four[2], four[3]);
    store_tile_half(line, half, _mm256_unpacklo_epi64(low01, low23));
    store_tile_half(line + kTileLineBytes, half, _mm256_unpackhi_epi64(low01, low23));
    store_tile_half(line + 2 * kTileLineBytes, half, _mm256_unpacklo_epi64(high01, high23));
    store_tile_half(line + 3 * kTileLineBytes, half, _mm256_unpackhi_epi64(high01, high23));
  }
}

/// The Dots of the tile's keys with four heads, whose words begin at `words`.
FULGURITE_INLINE void dot_heads(const std::uint8_t* tile, const std::uint8_t* words,
                                const std::int32_t* correction, I32 (&sum)[kTileGroups][4]) {
  Sum running[kTileGroups][4];
#pragma GCC unroll 4
  for (int head = 0; head < 4; ++head) {
#pragma GCC unroll 2
    for (int group = 0; group < kTileGroups; ++group) {
      running[group][head] = to_sum(set1(correction[head]));
    }
  }
#pragma GCC unroll 4
  for (std::size_t line = 0; line < kTileLines; ++line) {
    Line key[kTileGroups];
#pragma GCC unroll 2
    for (std::size_t group = 0; group < kTileGroups; ++group) {
      key[group] = load_tile_line(tile + group * kTileGroupBytes + line * kTileLineBytes);
    }
#pragma GCC unroll 4
    for (std::size_t head = 0; head < 4; ++head) {
      const Word word = load_word(words + (line * 4 + head) * kWordBytes);
#pragma GCC unroll 2
      for (int group = 0; group < kTileGroups; ++group) {
        running[group][head] = dot(running[group][head], key[group], word);
      }
    }
  }
#pragma GCC unroll 4
  for (int head = 0; head < 4; ++head) {
#pragma GCC unroll 2
    for (int group = 0; group < kTileGroups; ++group) {
      sum[group][head] = to_i32(running[group][head]);
    }
  }
}

}  // namespace
}  // namespace fulgurite::cpu
