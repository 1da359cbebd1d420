#include "cpu/select.hpp"

#include <algorithm>
#include <bit>
#include <functional>

namespace fulgurite::cpu {
namespace {

constexpr std::int64_t kSortedAtOnce = 4096;  // 32 KiB of keys on the stack

/// A pair as one integer: greater is better. Adding +0 makes -0 into +0.
std::uint64_t key_of(float score, std::uint32_t row) {
  const auto bits = std::bit_cast<std::uint32_t>(score + 0.0F);
  constexpr std::uint32_t kSign = 0x80000000;
  const std::uint32_t ordered = (bits & kSign) != 0 ? ~bits : bits | kSign;
  return static_cast<std::uint64_t>(ordered) << 32 | static_cast<std::uint32_t>(~row);
}
float score_of(std::uint64_t key) {
  const auto ordered = static_cast<std::uint32_t>(key >> 32);
  constexpr std::uint32_t kSign = 0x80000000;
  return std::bit_cast<float>((ordered & kSign) != 0 ? ordered & ~kSign : ~ordered);
}
std::uint32_t row_of(std::uint64_t key) { return ~static_cast<std::uint32_t>(key); }

/// The pairs of a list, seen as keys.
struct Pairs {
  float* scores;
  std::uint32_t* rows;

  [[nodiscard]] std::uint64_t key(std::int64_t i) const { return key_of(scores[i], rows[i]); }
  void set(std::int64_t i, std::uint64_t key) const {
    scores[i] = score_of(key);
    rows[i] = row_of(key);
  }
  void to_keys(std::uint64_t* keys, std::int64_t count) const {
    for (std::int64_t i = 0; i < count; ++i) keys[i] = key(i);
  }
  void from_keys(const std::uint64_t* keys, std::int64_t count) const {
    for (std::int64_t i = 0; i < count; ++i) set(i, keys[i]);
  }
  void swap(std::int64_t a, std::int64_t b) const {
    std::swap(scores[a], scores[b]);
    std::swap(rows[a], rows[b]);
  }
  [[nodiscard]] Pairs from(std::int64_t i) const { return {scores + i, rows + i}; }
};

void sort_small(Pairs pairs, std::int64_t count) {
  std::uint64_t keys[kSortedAtOnce];
  pairs.to_keys(keys, count);
  std::sort(keys, keys + count, std::greater<>());
  pairs.from_keys(keys, count);
}

/// In place and never quadratic; for the ranges that partition badly.
void heap_sort(Pairs pairs, std::int64_t count) {
  const auto sink = [&](std::int64_t root, std::int64_t end) {
    for (std::int64_t child = 2 * root + 1; child < end; child = 2 * root + 1) {
      if (child + 1 < end && pairs.key(child + 1) < pairs.key(child)) ++child;
      if (pairs.key(root) <= pairs.key(child)) return;
      pairs.swap(root, child);
      root = child;
    }
  };
  for (std::int64_t root = count / 2 - 1; root >= 0; --root) sink(root, count);
  for (std::int64_t end = count - 1; end > 0; --end) {
    pairs.swap(0, end);
    sink(0, end);
  }
}

std::uint64_t median_of_three(Pairs pairs, std::int64_t count) {
  const std::uint64_t a = pairs.key(0);
  const std::uint64_t b = pairs.key(count / 2);
  const std::uint64_t c = pairs.key(count - 1);
  return std::max(std::min(a, b), std::min(std::max(a, b), c));
}

/// Better pairs first; both sides are shorter than `count`, which is at least 3.
std::int64_t partition(Pairs pairs, std::int64_t count) {
  const std::uint64_t pivot = median_of_three(pairs, count);
  std::int64_t low = 0;
  std::int64_t high = count - 1;
  while (true) {
    while (pairs.key(low) > pivot) ++low;
    while (pairs.key(high) < pivot) --high;
    if (low >= high) return std::max<std::int64_t>(low, 1);
    pairs.swap(low++, high--);
  }
}

void sort_range(Pairs pairs, std::int64_t count, int depth_left) {
  while (count > kSortedAtOnce) {
    if (depth_left-- == 0) return heap_sort(pairs, count);
    const std::int64_t better = partition(pairs, count);
    sort_range(pairs.from(better), count - better, depth_left);
    count = better;
  }
  sort_small(pairs, count);
}

}  // namespace

std::int64_t list_scratch_bytes(std::int64_t capacity) {
  // The widest user is select_top of AVX-512: nine arrays of 4-byte elements.
  constexpr std::int64_t kArrays = 9;
  return kArrays * std::int64_t{sizeof(float)} * (capacity + kListSlack);
}

void keep_best(float* scores, std::uint32_t* rows, std::int64_t count, std::int64_t keep,
               std::uint64_t* keys) {
  if (keep >= count) return;
  const Pairs pairs{scores, rows};
  pairs.to_keys(keys, count);
  std::nth_element(keys, keys + keep, keys + count, std::greater<>());
  pairs.from_keys(keys, keep);
}

void keep_lowest(std::uint32_t* rows, std::int64_t count, std::int64_t keep) {
  if (keep < count) std::nth_element(rows, rows + keep, rows + count);
}

void select_top_plain(TopList& list) {
  if (list.count < list.k) return;
  keep_best(list.scores, list.rows, list.count, list.k, static_cast<std::uint64_t*>(list.scratch));
  list.count = list.k;
  list.threshold = *std::min_element(list.scores, list.scores + list.k);
  list.closed = true;
}

void sort_top_plain(float* scores, std::uint32_t* rows, std::int64_t count) {
  const Pairs pairs{scores, rows};
  if (count <= kSortedAtOnce) return sort_small(pairs, count);
  sort_range(pairs, count, 2 * static_cast<int>(std::bit_width(static_cast<std::uint64_t>(count))));
}

}  // namespace fulgurite::cpu
