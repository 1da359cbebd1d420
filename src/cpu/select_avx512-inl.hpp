#pragma once

#include <cstddef>
#include <cstdint>

#include "cpu/select.hpp"
#include "cpu/sort_avx512-inl.hpp"

// Selection by quickselect, with vpcompress as the partition: two compressions and two stores for
// 16 scores and side, and no branch on data. The pivots are order statistics of 32 samples to both
// sides of the wanted rank; what is below both is not even stored.

namespace fulgurite::cpu {
namespace {

/// One side of a partition.
struct Side {
  float* scores;
  std::uint32_t* rows;
  std::int64_t count;
};
struct Partition {
  Side better, worse;
  std::uint32_t* equal;
  std::int64_t equal_count;
};

/// Scores that the one of rank `keep` most likely lies between. A side beyond all samples is
/// infinite; `sample` is the lower one that is a sample.
struct Bracket {
  float high, low;
  float sample;
};

/// Order statistics of 32 samples, found by counting: nothing to mispredict. A rank is off by 2.5
/// samples (one standard deviation), where it matters most. Too many above `high` do no harm, but
/// too few above `low` cost another pass.
FULGURITE_INLINE Bracket bracket(const float* scores, std::int64_t count, std::int64_t keep) {
  constexpr int kSamples = 32;
  constexpr std::int64_t kAboveHigh = 3;
  constexpr std::int64_t kBelowLow = 4;
  float sample[kSamples];
  for (int i = 0; i < kSamples; ++i) sample[i] = scores[i * (count / kSamples) + count / 64];
  const F32 first = load(sample);
  const F32 second = load(sample + kLanes);
  const std::int64_t rank = keep * kSamples / count;
  const std::int64_t ranks[2] = {rank - kAboveHigh, rank + kBelowLow};
  float chosen[2] = {__builtin_inff(), -__builtin_inff()};
  const bool has_low = ranks[1] < kSamples;
  int best[2] = {-1, has_low ? -1 : kSamples};
  for (int i = 0; i < kSamples; ++i) {
    const F32 x = set1(sample[i]);
    const int above =
        __builtin_popcount(greater(first, x)) + __builtin_popcount(greater(second, x));
#pragma GCC unroll 2
    for (int side = 0; side < 2; ++side) {
      const bool closer = above <= ranks[side] && above > best[side];
      chosen[side] = closer ? sample[i] : chosen[side];
      best[side] = closer ? above : best[side];
    }
  }
  return {chosen[0], chosen[1], has_low ? chosen[1] : chosen[0]};
}

FULGURITE_INLINE void append(Side& side, Mask m, F32 score, I32 row) {
  side.count += append(side.scores + side.count, side.rows + side.count, m, score, row);
}

/// body(in, score, row) for sixteen pairs at a time; `in`: the lanes that hold one.
template <class Body>
FULGURITE_INLINE void for_each_vector(const Side& pairs, const Body& body) {
  for (std::int64_t i = 0; i < pairs.count; i += kLanes) {
    const std::int64_t left = pairs.count - i;
    body(first_lanes(left), load_first(pairs.scores + i, left), load_first(pairs.rows + i, left));
  }
}

/// Splits the pairs around `middle`; the sides have room for 16 more than they get.
FULGURITE_INLINE void split(const Side& pairs, float middle, Partition& p) {
  const F32 pivots = set1(middle);
  p.better.count = p.worse.count = p.equal_count = 0;
  for_each_vector(pairs, [&](Mask in, F32 score, I32 row) FULGURITE_INLINE_LAMBDA {
    const Mask above = mask_and(in, greater(score, pivots));
    const Mask below = mask_and(in, less(score, pivots));
    const Mask same = mask_and(in, mask_not(mask_or(above, below)));
    append(p.better, above, score, row);
    append(p.worse, below, score, row);
    if (same != 0) {
      store(p.equal + p.equal_count, _mm512_maskz_compress_epi32(same, row));
      p.equal_count += __builtin_popcount(same);
    }
  });
}

/// Those above the bracket, and those in it as the worse side; the others are left out.
FULGURITE_INLINE void split(const Side& pairs, const Bracket& bracket, Partition& p) {
  const F32 high = set1(bracket.high);
  const F32 low = set1(bracket.low);
  p.better.count = p.worse.count = p.equal_count = 0;
  for_each_vector(pairs, [&](Mask in, F32 score, I32 row) FULGURITE_INLINE_LAMBDA {
    const Mask above = mask_and(in, greater(score, high));
    const Mask below = mask_or(above, less(score, low));
    append(p.better, above, score, row);
    append(p.worse, mask_and(in, mask_not(below)), score, row);
  });
}

FULGURITE_INLINE void copy_pairs(float* scores, std::uint32_t* rows, const Side& from,
                                 std::int64_t count) {
  std::memcpy(scores, from.scores, static_cast<std::size_t>(count) * sizeof(float));
  std::memcpy(rows, from.rows, static_cast<std::size_t>(count) * sizeof(std::uint32_t));
}

/// Brings the best `keep` of the list, 0 < keep < count, to its front.
void keep_best_of_list(TopList& list, std::int64_t keep) {
  constexpr std::int64_t kSortInstead = 64;  // so few are sorted faster than selected
  constexpr int kMostPasses = 16;            // then the data works against the samples
  const std::int64_t places = list.capacity + kListSlack;
  auto* const scratch = static_cast<float*>(list.scratch);
  const auto side = [&](int i) FULGURITE_INLINE_LAMBDA {
    return Side{scratch + 2 * i * places,
                reinterpret_cast<std::uint32_t*>(scratch + (2 * i + 1) * places), 0};
  };
  Side left{list.scores, list.rows, list.count};
  float* scores = list.scores;  // what is found goes here; the list is read only in the first pass
  std::uint32_t* rows = list.rows;
  for (int pass = 0;; ++pass) {
    if (left.count <= kSortInstead) {
      float few_scores[kSortInstead];
      std::uint32_t few_rows[kSortInstead];
      copy_pairs(few_scores, few_rows, left, left.count);
      sort_pairs(few_scores, few_rows, left.count);
      return copy_pairs(scores, rows, {few_scores, few_rows, keep}, keep);
    }
    const int from = pass % 2 * 2;
    if (pass == kMostPasses) {
      // The sides that the last pass did not write hold nothing that is still wanted, and lie
      // together.
      auto* const keys = reinterpret_cast<std::uint64_t*>(side(from).scores);
      keep_best(left.scores, left.rows, left.count, keep, keys);
      return copy_pairs(scores, rows, left, keep);
    }
    const Bracket around = bracket(left.scores, left.count, keep);
    Partition p{side(from), side(from + 1), reinterpret_cast<std::uint32_t*>(scratch + 8 * places),
                0};
    split(left, around, p);
    const bool missed = p.better.count + p.worse.count < keep;
    // Where the bracket is of no use, something is equal to a sample, so each pass leaves fewer.
    if (missed || p.worse.count == left.count) split(left, around.sample, p);
    if (p.better.count > keep) {
      left = p.better;
      continue;
    }
    copy_pairs(scores, rows, p.better, p.better.count);
    scores += p.better.count;
    rows += p.better.count;
    keep -= p.better.count;
    const std::int64_t ties = p.equal_count < keep ? p.equal_count : keep;
    keep_lowest(p.equal, p.equal_count, ties);
    for (std::int64_t i = 0; i < ties; ++i) {
      *scores++ = around.sample;
      *rows++ = p.equal[i];
    }
    keep -= ties;
    if (keep == 0) return;
    left = p.worse;
  }
}

FULGURITE_INLINE float lowest(const float* scores, std::int64_t count) {
  const F32 infinity = set1(__builtin_inff());
  F32 least = infinity;
  for (std::int64_t i = 0; i < count; i += kLanes) {
    least = min(least, select(first_lanes(count - i), load_first(scores + i, count - i), infinity));
  }
  return _mm512_reduce_min_ps(least);
}

void select_top(TopList& list) {
  if (list.count < list.k) return;
  if (list.count > list.k) keep_best_of_list(list, list.k);
  list.count = list.k;
  list.threshold = lowest(list.scores, list.k);
  list.closed = true;
}

}  // namespace
}  // namespace fulgurite::cpu
