#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "cpu/select.hpp"

// Sorting by a bitonic network on 64-bit keys, with mirrored merges, so that every comparison
// points the same way. A key is the score, order-preserving (+0 and -0 equal), above the inverted
// row; it is padded with 0, which is below every real key. A 512-bit store takes two cycles, so two
// distances are merged per visit.

namespace fulgurite::cpu {
namespace {

constexpr std::int64_t kMostSorted = 4096;
constexpr std::int64_t kKeyLanes = 8;

FULGURITE_INLINE void order(__m512i& first, __m512i& second) {
  const __m512i high = _mm512_max_epu64(first, second);
  second = _mm512_min_epu64(first, second);
  first = high;
}

// Lanes that meet inside a vector: 1, 2 or 4 apart, or mirrored in blocks of 4 or 8.
enum class Meet { apart1, apart2, apart4, mirrored4, mirrored8 };
FULGURITE_INLINE __m512i mirror(__m512i a) {
  return _mm512_permutexvar_epi64(_mm512_setr_epi64(7, 6, 5, 4, 3, 2, 1, 0), a);
}
template <Meet kMeet>
FULGURITE_INLINE __m512i partner(__m512i a) {
  if constexpr (kMeet == Meet::apart1) return _mm512_shuffle_epi32(a, _MM_PERM_BADC);
  if constexpr (kMeet == Meet::apart2) return _mm512_permutex_epi64(a, 0x4e);
  if constexpr (kMeet == Meet::apart4) return _mm512_shuffle_i64x2(a, a, 0x4e);
  if constexpr (kMeet == Meet::mirrored4) return _mm512_permutex_epi64(a, 0x1b);
  if constexpr (kMeet == Meet::mirrored8) return mirror(a);
}
template <Meet kMeet>
FULGURITE_INLINE __m512i order_lanes(__m512i a) {
  constexpr __mmask8 kSecond = kMeet == Meet::apart1                               ? 0xaa
                               : kMeet == Meet::apart2 || kMeet == Meet::mirrored4 ? 0xcc
                                                                                   : 0xf0;
  const __m512i b = partner<kMeet>(a);
  return _mm512_mask_min_epu64(_mm512_max_epu64(a, b), kSecond, a, b);
}
FULGURITE_INLINE __m512i merge_lanes(__m512i a) {
  return order_lanes<Meet::apart1>(order_lanes<Meet::apart2>(order_lanes<Meet::apart4>(a)));
}
FULGURITE_INLINE __m512i sort_lanes(__m512i a) {
  a = order_lanes<Meet::apart1>(a);
  a = order_lanes<Meet::apart1>(order_lanes<Meet::mirrored4>(a));
  return order_lanes<Meet::apart1>(order_lanes<Meet::apart2>(order_lanes<Meet::mirrored8>(a)));
}

FULGURITE_INLINE __m512i load_keys(const std::uint64_t* keys) { return _mm512_load_si512(keys); }
FULGURITE_INLINE void store_keys(std::uint64_t* keys, __m512i x) { _mm512_store_si512(keys, x); }

FULGURITE_INLINE __mmask8 first_keys(std::int64_t n) {
  return n >= kKeyLanes ? __mmask8{0xff}
         : n > 0        ? static_cast<__mmask8>((1U << n) - 1U)
                        : __mmask8{0};
}
FULGURITE_INLINE void to_keys(const float* scores, const std::uint32_t* rows, std::int64_t count,
                              std::int64_t size, std::uint64_t* keys) {
  const __m256i sign = _mm256_set1_epi32(INT32_MIN);
  for (std::int64_t i = 0; i < size; i += kKeyLanes) {
    const __mmask8 in = first_keys(count - i);
    const __m256 score = _mm256_add_ps(_mm256_maskz_loadu_ps(in, scores + i), _mm256_setzero_ps());
    const __m256i u = _mm256_castps_si256(score);
    const __m256i high = _mm256_xor_si256(u, _mm256_or_si256(_mm256_srai_epi32(u, 31), sign));
    const __m256i low =
        _mm256_xor_si256(_mm256_maskz_loadu_epi32(in, rows + i), _mm256_set1_epi32(-1));
    store_keys(keys + i,
               _mm512_maskz_or_epi64(in, _mm512_slli_epi64(_mm512_cvtepu32_epi64(high), 32),
                                     _mm512_cvtepu32_epi64(low)));
  }
}
FULGURITE_INLINE void from_keys(const std::uint64_t* keys, std::int64_t count, float* scores,
                                std::uint32_t* rows) {
  const __m256i ones = _mm256_set1_epi32(-1);
  for (std::int64_t i = 0; i < count; i += kKeyLanes) {
    const __mmask8 in = first_keys(count - i);
    const __m512i key = load_keys(keys + i);
    const __m256i high = _mm512_cvtepi64_epi32(_mm512_srli_epi64(key, 32));
    const __m256i flip = _mm256_or_si256(_mm256_srai_epi32(_mm256_xor_si256(high, ones), 31),
                                         _mm256_set1_epi32(INT32_MIN));
    _mm256_mask_storeu_epi32(scores + i, in, _mm256_xor_si256(high, flip));
    _mm256_mask_storeu_epi32(rows + i, in, _mm256_xor_si256(_mm512_cvtepi64_epi32(key), ones));
  }
}

/// Merges the sorted halves of every block, in all distances from block / 2 down to where one
/// vector is left.
FULGURITE_INLINE void merge_mirrored(std::uint64_t* keys, std::int64_t size, std::int64_t block) {
  for (std::int64_t i = 0; i < size; i += block) {
    for (std::int64_t j = 0; j < block / 2; j += kKeyLanes) {
      std::uint64_t* const low = keys + i + j;
      std::uint64_t* const high = keys + i + block - kKeyLanes - j;
      __m512i a = load_keys(low);
      __m512i b = mirror(load_keys(high));
      order(a, b);
      store_keys(low, a);
      store_keys(high, mirror(b));
    }
  }
}
FULGURITE_INLINE void merge_two_distances(std::uint64_t* keys, std::int64_t size,
                                          std::int64_t apart) {
  for (std::int64_t i = 0; i < size; i += 2 * apart) {
    for (std::int64_t j = i; j < i + apart / 2; j += kKeyLanes) {
      std::uint64_t* const at = keys + j;
      __m512i a = load_keys(at);
      __m512i b = load_keys(at + apart / 2);
      __m512i c = load_keys(at + apart);
      __m512i d = load_keys(at + apart + apart / 2);
      order(a, c);
      order(b, d);
      order(a, b);
      order(c, d);
      store_keys(at, a);
      store_keys(at + apart / 2, b);
      store_keys(at + apart, c);
      store_keys(at + apart + apart / 2, d);
    }
  }
}
FULGURITE_INLINE void merge_block(std::uint64_t* keys, std::int64_t size, std::int64_t block) {
  merge_mirrored(keys, size, block);
  std::int64_t apart = block / 4;
  for (; apart >= 2 * kKeyLanes; apart /= 4) merge_two_distances(keys, size, apart);
  if (apart == kKeyLanes) {
    for (std::int64_t i = 0; i < size; i += 2 * kKeyLanes) {
      __m512i a = load_keys(keys + i);
      __m512i b = load_keys(keys + i + kKeyLanes);
      order(a, b);
      store_keys(keys + i, merge_lanes(a));
      store_keys(keys + i + kKeyLanes, merge_lanes(b));
    }
  } else {
    for (std::int64_t i = 0; i < size; i += kKeyLanes) {
      store_keys(keys + i, merge_lanes(load_keys(keys + i)));
    }
  }
}

/// At most kMostSorted pairs.
void sort_pairs(float* scores, std::uint32_t* rows, std::int64_t count) {
  if (count < 1) return;
  alignas(64) std::uint64_t keys[kMostSorted];
  std::int64_t size = kKeyLanes;
  while (size < count) size *= 2;
  to_keys(scores, rows, count, size, keys);
  for (std::int64_t i = 0; i < size; i += kKeyLanes) {
    store_keys(keys + i, sort_lanes(load_keys(keys + i)));
  }
  for (std::int64_t block = 2 * kKeyLanes; block <= size; block *= 2)
    merge_block(keys, size, block);
  from_keys(keys, count, scores, rows);
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
