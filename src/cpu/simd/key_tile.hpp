#pragma once

#include <immintrin.h>

#include "cpu/simd/inline.hpp"

// Keys to tile lines in 256-bit registers, for AVX2 and AVX-512 alike: an insert from memory costs
// one pipe cycle where a 512-bit masked load costs two, and a 512-bit store takes two cycles
// anyway.

namespace fulgurite::cpu {
namespace {

constexpr std::size_t kTileLines = 32;
constexpr int kUnrolledLines = kSpreadParts ? 32 : 4;
constexpr std::size_t kTileGroupBytes = kTileLines * kTileLineBytes;

/// Where the word of features 4*four..4*four+3 of a head is: [H/2][32 fours][2 heads].
FULGURITE_INLINE std::size_t query_word(std::int64_t head, int four) {
  return (static_cast<std::size_t>(head / 2 * 32 + four) * 2 + static_cast<std::size_t>(head % 2)) *
         kWordBytes;
}

/// Brings features 16*part..16*part+15 of the 16 keys rows[0..16) to lines 4*part..4*part+3 of
/// `group`, in kTileLines small steps that can be taken between the lines of a Dot. `rows[i]` is a
/// pointer to the 128 codes of key i.
template <class Rows>
class PartSteps {
 public:
  FULGURITE_INLINE PartSteps(const Rows& rows, int part, std::uint8_t* group)
      : rows_(rows), part_(part), line_(group + static_cast<std::size_t>(part) * kPartBytes) {}

  FULGURITE_INLINE void step(int at) {
    const int half = at / 16;
    const int i = at % 16;
    if (i < 4) load(half, i);
    if (i >= 4 && i < 8) unpack(i - 4);
    if (i >= 8 && i < 12) put(half, i - 8);
  }
  FULGURITE_INLINE void all_steps() {
#pragma GCC unroll 32
    for (int at = 0; at < static_cast<int>(kTileLines); ++at) step(at);
  }

 private:
  static constexpr std::size_t kPartBytes = 4 * kTileLineBytes;

  FULGURITE_INLINE __m128i piece(int key) const {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows_[key] + 16 * part_));
  }
  /// 128-bit lane b of four_[j] is key 8*half + 4*b + j.
  FULGURITE_INLINE void load(int half, int j) {
    const __m256i low = _mm256_castsi128_si256(piece(8 * half + j));
    const __m256i both = _mm256_inserti128_si256(low, piece(8 * half + 4 + j), 1);
    four_[j] = _mm256_xor_si256(both, _mm256_set1_epi8(-128));
  }
  FULGURITE_INLINE void unpack(int i) {
    const __m256i a = four_[i % 2 * 2];
    const __m256i b = four_[i % 2 * 2 + 1];
    pairs_[i] = i < 2 ? _mm256_unpacklo_epi32(a, b) : _mm256_unpackhi_epi32(a, b);
  }
  FULGURITE_INLINE void put(int half, int i) const {
    const __m256i a = pairs_[i / 2 * 2];
    const __m256i b = pairs_[i / 2 * 2 + 1];
    store_tile_half(line_ + static_cast<std::size_t>(i) * kTileLineBytes, half,
                    i % 2 == 0 ? _mm256_unpacklo_epi64(a, b) : _mm256_unpackhi_epi64(a, b));
  }

  Rows rows_;
  int part_;
  std::uint8_t* line_;
  __m256i four_[4];
  __m256i pairs_[4];  // keys 01 and 23, low; the same, high
};

/// The Dots of the tile's keys with an even number of heads, whose words begin at `words`.
/// between(line) runs before each line.
template <std::size_t kHeads, class Between>
FULGURITE_INLINE void dot_heads(const std::uint8_t* tile, const std::uint8_t* words,
                                const std::int32_t* correction, I32 (&sum)[kTileGroups][kHeads],
                                const Between& between) {
  // Addresses are these two and a constant: GCC 12 would compute all of them before the loop over
  // heads, and keep them on the stack.
  asm("" : "+r"(tile), "+r"(words));
  Sum running[kTileGroups][kHeads];
#pragma GCC unroll 8
  for (std::size_t head = 0; head < kHeads; ++head) {
#pragma GCC unroll 2
    for (int group = 0; group < kTileGroups; ++group) {
      running[group][head] = to_sum(set1(correction[head]));
    }
  }
#pragma GCC unroll kUnrolledLines
  for (std::size_t line = 0; line < kTileLines; ++line) {
    between(static_cast<int>(line));
    Line key[kTileGroups];
#pragma GCC unroll 2
    for (std::size_t group = 0; group < kTileGroups; ++group) {
      key[group] = load_tile_line(tile + group * kTileGroupBytes + line * kTileLineBytes);
    }
#pragma GCC unroll 8
    for (std::size_t head = 0; head < kHeads; ++head) {
      const Word word =
          load_word(words + query_word(static_cast<std::int64_t>(head), static_cast<int>(line)));
#pragma GCC unroll 2
      for (int group = 0; group < kTileGroups; ++group) {
        running[group][head] = dot(running[group][head], key[group], word);
      }
    }
    // Lines in their order: a burst of anything else would starve the multipliers for a while.
    if constexpr (kSpreadParts) asm volatile("");
  }
#pragma GCC unroll 8
  for (std::size_t head = 0; head < kHeads; ++head) {
#pragma GCC unroll 2
    for (int group = 0; group < kTileGroups; ++group) {
      sum[group][head] = to_i32(running[group][head]);
    }
  }
}

}  // namespace
}  // namespace fulgurite::cpu
