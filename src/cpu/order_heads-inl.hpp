#pragma once

#include <cstdint>
#include <cstring>

#include "cpu/kernels.hpp"

// The order in which a token's heads are summed.

namespace fulgurite::cpu {
namespace {

struct SomeHeads {
  float weight[kMostHeads + kLanes];
  std::uint32_t head[kMostHeads + kLanes];
  int count = 0;
};

void order_heads(const float* folded, std::int64_t heads, std::int32_t* order) {
  const F32 infinity = set1(__builtin_inff());
  SomeHeads front;
  SomeHeads negative;
  for (std::int64_t first = 0; first < heads; first += kLanes) {
    const std::int64_t left = heads - first;
    const F32 weight = load_first(folded + first, left);
    const I32 head = add(lane_numbers(), set1(static_cast<std::int32_t>(first)));
    const Mask below = less(weight, zero_f32());
    const Mask above = mask_and(first_lanes(left), mask_not(below));
    front.count +=
        append(front.weight + front.count, front.head + front.count, above, weight, head);
    negative.count += append(negative.weight + negative.count, negative.head + negative.count,
                             below, weight, head);
  }
  std::memcpy(order, front.head, static_cast<std::size_t>(front.count) * sizeof *order);
  // Each negative one's rank by comparing it with all: a sort of so few spends its time on branches
  // that nothing can foresee.
  store(negative.weight + negative.count, infinity);
  for (int i = 0; i < negative.count; ++i) {
    const F32 mine = set1(negative.weight[i]);
    int rank = 0;
    for (int first = 0; first < negative.count; first += kLanes) {
      const F32 other = load(negative.weight + first);
      const Mask earlier = greater(set1(i - first), lane_numbers());
      const Mask before = mask_or(less(other, mine), mask_and(equal(other, mine), earlier));
      rank += __builtin_popcount(bits(before));
    }
    order[front.count + rank] = static_cast<std::int32_t>(negative.head[i]);
  }
}

}  // namespace
}  // namespace fulgurite::cpu
