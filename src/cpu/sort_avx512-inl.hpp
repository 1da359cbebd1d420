#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "cpu/select.hpp"

// Sorting by a bitonic network on 64-bit keys, with mirrored merges, so that every comparison
// points the same way. A key is the score, order-preserving (+0 and -0 equal), above the inverted
// row; it is padded with 0, which is below every real key.
//
// Each lane of the vectors is a column. Columns are sorted first, then merged in pairs, until one
// run goes down the first column, then down the next. So most comparisons are between vectors, and
// few need a partner from another lane. A 512-bit store takes two cycles, so several distances are
// merged per visit.

namespace fulgurite::cpu {
namespace {

constexpr std::int64_t kMostSorted = 4096;
constexpr std::int64_t kKeyLanes = 8;

FULGURITE_INLINE void order(__m512i& first, __m512i& second) {
  const __m512i high = _mm512_max_epu64(first, second);
  second = _mm512_min_epu64(first, second);
  first = high;
}

// Lanes that meet inside a vector: 1, 2 apart, or mirrored in blocks of 4 or 8.
enum class Meet { apart1, apart2, mirrored4, mirrored8 };
template <Meet kMeet>
FULGURITE_INLINE __m512i partner(__m512i a) {
  if constexpr (kMeet == Meet::apart1) return _mm512_shuffle_epi32(a, _MM_PERM_BADC);
  if constexpr (kMeet == Meet::apart2) return _mm512_permutex_epi64(a, 0x4e);
  if constexpr (kMeet == Meet::mirrored4) return _mm512_permutex_epi64(a, 0x1b);
  if constexpr (kMeet == Meet::mirrored8) {
    return _mm512_permutexvar_epi64(_mm512_setr_epi64(7, 6, 5, 4, 3, 2, 1, 0), a);
  }
}
/// The lanes that get the lower key of two that meet.
template <Meet kMeet>
constexpr __mmask8 kSecond = kMeet == Meet::apart1      ? 0xaa
                             : kMeet == Meet::mirrored8 ? 0xf0
                                                        : 0xcc;
template <Meet kMeet>
FULGURITE_INLINE __m512i order_lanes(__m512i a) {
  const __m512i b = partner<kMeet>(a);
  return _mm512_mask_min_epu64(_mm512_max_epu64(a, b), kSecond<kMeet>, a, b);
}
/// The lanes of `a` with those of `b` across the mirror.
template <Meet kMeet>
FULGURITE_INLINE void order_across(__m512i& a, __m512i& b) {
  const __m512i turned = partner<kMeet>(b);
  const __m512i high = _mm512_max_epu64(a, turned);
  const __m512i low = _mm512_min_epu64(a, turned);
  a = _mm512_mask_mov_epi64(high, kSecond<kMeet>, low);
  b = partner<kMeet>(_mm512_mask_mov_epi64(low, kSecond<kMeet>, high));
}

FULGURITE_INLINE __m512i load_keys(const std::uint64_t* keys, std::int64_t vector) {
  return _mm512_load_si512(keys + vector * kKeyLanes);
}
FULGURITE_INLINE void store_keys(std::uint64_t* keys, std::int64_t vector, __m512i x) {
  _mm512_store_si512(keys + vector * kKeyLanes, x);
}

FULGURITE_INLINE __mmask8 first_keys(std::int64_t n) {
  return n >= kKeyLanes ? __mmask8{0xff}
         : n > 0        ? static_cast<__mmask8>((1U << n) - 1U)
                        : __mmask8{0};
}
FULGURITE_INLINE void to_keys(const float* scores, const std::uint32_t* rows, std::int64_t count,
                              std::int64_t vectors, std::uint64_t* keys) {
  const __m256i sign = _mm256_set1_epi32(INT32_MIN);
  for (std::int64_t vector = 0; vector < vectors; ++vector) {
    const std::int64_t i = vector * kKeyLanes;
    const __mmask8 in = first_keys(count - i);
    const __m256 score = _mm256_add_ps(_mm256_maskz_loadu_ps(in, scores + i), _mm256_setzero_ps());
    const __m256i u = _mm256_castps_si256(score);
    const __m256i high = _mm256_xor_si256(u, _mm256_or_si256(_mm256_srai_epi32(u, 31), sign));
    const __m256i low =
        _mm256_xor_si256(_mm256_maskz_loadu_epi32(in, rows + i), _mm256_set1_epi32(-1));
    store_keys(keys, vector,
               _mm512_maskz_or_epi64(in, _mm512_slli_epi64(_mm512_cvtepu32_epi64(high), 32),
                                     _mm512_cvtepu32_epi64(low)));
  }
}
/// Eight keys, of which the first `count` are wanted.
FULGURITE_INLINE void from_keys(__m512i key, std::int64_t count, float* scores,
                                std::uint32_t* rows) {
  const __m256i ones = _mm256_set1_epi32(-1);
  const __mmask8 in = first_keys(count);
  const __m256i high = _mm512_cvtepi64_epi32(_mm512_srli_epi64(key, 32));
  const __m256i flip = _mm256_or_si256(_mm256_srai_epi32(_mm256_xor_si256(high, ones), 31),
                                       _mm256_set1_epi32(INT32_MIN));
  _mm256_mask_storeu_epi32(scores, in, _mm256_xor_si256(high, flip));
  _mm256_mask_storeu_epi32(rows, in, _mm256_xor_si256(_mm512_cvtepi64_epi32(key), ones));
}

/// Lane i of vector j becomes lane j of vector i.
FULGURITE_INLINE void transpose_keys(__m512i (&x)[kKeyLanes]) {
  __m512i pair[kKeyLanes];  // lanes of two vectors in turn: the even ones, the odd ones
#pragma GCC unroll 4
  for (int i = 0; i < kKeyLanes; i += 2) {
    pair[i] = _mm512_unpacklo_epi64(x[i], x[i + 1]);
    pair[i + 1] = _mm512_unpackhi_epi64(x[i], x[i + 1]);
  }
#pragma GCC unroll 2
  for (int odd = 0; odd < 2; ++odd) {
    const __m512i ab = _mm512_shuffle_i64x2(pair[odd], pair[2 + odd], 0x44);
    const __m512i cd = _mm512_shuffle_i64x2(pair[4 + odd], pair[6 + odd], 0x44);
    const __m512i ab_high = _mm512_shuffle_i64x2(pair[odd], pair[2 + odd], 0xee);
    const __m512i cd_high = _mm512_shuffle_i64x2(pair[4 + odd], pair[6 + odd], 0xee);
    x[odd] = _mm512_shuffle_i64x2(ab, cd, 0x88);
    x[2 + odd] = _mm512_shuffle_i64x2(ab, cd, 0xdd);
    x[4 + odd] = _mm512_shuffle_i64x2(ab_high, cd_high, 0x88);
    x[6 + odd] = _mm512_shuffle_i64x2(ab_high, cd_high, 0xdd);
  }
}

/// From columns to pairs.
FULGURITE_INLINE void from_columns(const std::uint64_t* keys, std::int64_t vectors,
                                   std::int64_t count, float* scores, std::uint32_t* rows) {
  for (std::int64_t first = 0; first < vectors; first += kKeyLanes) {
    __m512i x[kKeyLanes];
#pragma GCC unroll 8
    for (int i = 0; i < kKeyLanes; ++i) x[i] = load_keys(keys, first + i);
    transpose_keys(x);
#pragma GCC unroll 8
    for (int lane = 0; lane < kKeyLanes; ++lane) {
      const std::int64_t at = lane * vectors + first;
      if (at < count) from_keys(x[lane], count - at, scores + at, rows + at);
    }
  }
}

/// Sorts the columns of eight vectors: 19 comparisons.
FULGURITE_INLINE void sort_eight(std::uint64_t* keys) {
  constexpr int kComparisons[][2] = {{0, 2}, {1, 3}, {4, 6}, {5, 7}, {0, 4}, {1, 5}, {2, 6},
                                     {3, 7}, {0, 1}, {2, 3}, {4, 5}, {6, 7}, {2, 4}, {3, 5},
                                     {1, 4}, {3, 6}, {1, 2}, {3, 4}, {5, 6}};
  __m512i x[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) x[i] = load_keys(keys, i);
#pragma GCC unroll 19
  for (const auto& [a, b] : kComparisons) order(x[a], x[b]);
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) store_keys(keys, i, x[i]);
}

/// Merges the sorted halves of every block of vectors, at least 16, down to a quarter of a half.
FULGURITE_INLINE void merge_mirrored(std::uint64_t* keys, std::int64_t vectors,
                                     std::int64_t block) {
  const std::int64_t step = block / 8;
  for (std::int64_t i = 0; i < vectors; i += block) {
    for (std::int64_t j = 0; j < step; ++j) {
      __m512i down[4];  // from the first on, and their mirrors from the last one back
      __m512i up[4];
#pragma GCC unroll 4
      for (int q = 0; q < 4; ++q) {
        down[q] = load_keys(keys, i + j + q * step);
        up[q] = load_keys(keys, i + block - 1 - j - q * step);
        order(down[q], up[q]);
      }
#pragma GCC unroll 2
      for (int q = 0; q < 2; ++q) {
        order(down[q], down[q + 2]);
        order(up[q + 2], up[q]);
      }
#pragma GCC unroll 2
      for (int q = 0; q < 4; q += 2) {
        order(down[q], down[q + 1]);
        order(up[q + 1], up[q]);
      }
#pragma GCC unroll 4
      for (int q = 0; q < 4; ++q) {
        store_keys(keys, i + j + q * step, down[q]);
        store_keys(keys, i + block - 1 - j - q * step, up[q]);
      }
    }
  }
}

/// Of bitonic columns of 2 * apart vectors: distances apart, apart / 2, ..., kDistances of them.
template <int kDistances>
FULGURITE_INLINE void merge_distances(std::uint64_t* keys, std::int64_t vectors,
                                      std::int64_t apart) {
  constexpr int kVectors = 1 << kDistances;
  const std::int64_t step = 2 * apart / kVectors;
  for (std::int64_t i = 0; i < vectors; i += 2 * apart) {
    for (std::int64_t j = i; j < i + step; ++j) {
      __m512i x[std::size_t{1} << kDistances];
#pragma GCC unroll 16
      for (int q = 0; q < kVectors; ++q) x[q] = load_keys(keys, j + q * step);
#pragma GCC unroll 4
      for (int level = 1; level <= kDistances; ++level) {
        const int distance = kVectors >> level;
#pragma GCC unroll 16
        for (int q = 0; q < kVectors; ++q) {
          if ((q & distance) == 0) order(x[q], x[q + distance]);
        }
      }
#pragma GCC unroll 16
      for (int q = 0; q < kVectors; ++q) store_keys(keys, j + q * step, x[q]);
    }
  }
}

/// All distances from `apart`, a power of two, to 1.
FULGURITE_INLINE void merge_down(std::uint64_t* keys, std::int64_t vectors, std::int64_t apart) {
  for (; apart >= 16; apart /= 8) merge_distances<3>(keys, vectors, apart);
  if (apart == 8) merge_distances<4>(keys, vectors, apart);
  if (apart == 4) merge_distances<3>(keys, vectors, apart);
  if (apart == 2) merge_distances<2>(keys, vectors, apart);
  if (apart == 1) merge_distances<1>(keys, vectors, apart);
}

/// Merges neighbours of sorted runs, each half a mirror of lanes wide.
template <Meet kMeet>
FULGURITE_INLINE void merge_lanes(std::uint64_t* keys, std::int64_t vectors) {
  for (std::int64_t i = 0; i < vectors / 2; ++i) {
    __m512i a = load_keys(keys, i);
    __m512i b = load_keys(keys, vectors - 1 - i);
    order_across<kMeet>(a, b);
    if constexpr (kMeet == Meet::mirrored8) {
      a = order_lanes<Meet::apart2>(a);
      b = order_lanes<Meet::apart2>(b);
    }
    if constexpr (kMeet != Meet::apart1) {
      a = order_lanes<Meet::apart1>(a);
      b = order_lanes<Meet::apart1>(b);
    }
    store_keys(keys, i, a);
    store_keys(keys, vectors - 1 - i, b);
  }
  merge_down(keys, vectors, vectors / 2);
}

/// At most kMostSorted pairs.
void sort_pairs(float* scores, std::uint32_t* rows, std::int64_t count) {
  if (count < 1) return;
  alignas(64) std::uint64_t keys[kMostSorted];
  std::int64_t vectors = 8;
  while (vectors * kKeyLanes < count) vectors *= 2;
  to_keys(scores, rows, count, vectors, keys);
  for (std::int64_t i = 0; i < vectors; i += 8) sort_eight(keys + i * kKeyLanes);
  for (std::int64_t block = 16; block <= vectors; block *= 2) {
    merge_mirrored(keys, vectors, block);
    merge_down(keys, vectors, block / 16);
  }
  merge_lanes<Meet::apart1>(keys, vectors);
  merge_lanes<Meet::mirrored4>(keys, vectors);
  merge_lanes<Meet::mirrored8>(keys, vectors);
  from_columns(keys, vectors, count, scores, rows);
}

void sort_top(float* scores, std::uint32_t* rows, std::int64_t count) {
  if (count <= kMostSorted) {
    sort_pairs(scores, rows, count);
  } else {
    sort_top_plain(scores, rows, count);
  }
}

}  // namespace
}  // namespace fulgurite::cpu
