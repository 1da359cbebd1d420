#include "cpu/select.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/aligned_buffer.hpp"
#include "every_isa.hpp"

namespace fulgurite::cpu {
namespace {

using Select = EveryIsa;
INSTANTIATE_TEST_SUITE_P(, Select, testing::ValuesIn(machine_kernels()), isa_name);

struct Pair {
  float score;
  std::uint32_t row;
  friend bool operator==(const Pair&, const Pair&) = default;
};
bool better(const Pair& a, const Pair& b) {
  return a.score != b.score ? a.score > b.score : a.row < b.row;
}

/// Scores that selections get wrong: ties, two values, runs, zeros of both signs, infinities.
std::vector<Pair> draw_pairs(Draw& draw, std::int64_t count) {
  std::vector<Pair> pairs(static_cast<std::size_t>(count));
  std::vector<std::uint32_t> rows(pairs.size());
  std::iota(rows.begin(), rows.end(), static_cast<std::uint32_t>(draw.integer(0, 1000)));
  const auto order = draw.integer(0, 2);
  if (order == 1) std::reverse(rows.begin(), rows.end());
  if (order == 2) {
    for (std::size_t i = rows.size(); i > 1; --i) {
      std::swap(rows[i - 1],
                rows[static_cast<std::size_t>(draw.integer(0, static_cast<std::int64_t>(i) - 1))]);
    }
  }
  const auto kind = draw.integer(0, 6);
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const auto at = static_cast<float>(i);
    float score = draw.normal();
    if (kind == 1) score = 7.5F;
    if (kind == 2) score = draw.one_in(2) ? 0.0F : -0.0F;
    if (kind == 3) score = static_cast<float>(draw.integer(-2, 2));
    if (kind == 4) score = order == 0 ? at : -at;
    if (kind == 5) score = draw.one_in(3) ? -INFINITY : draw.one_in(5) ? INFINITY : score;
    if (kind == 6) {
      do score = draw.any_bits();
      while (is_nan(score));
    }
    pairs[i] = {score, rows[i]};
  }
  return pairs;
}

struct Memory {
  std::vector<float> scores;
  std::vector<std::uint32_t> rows;
  core::AlignedBuffer<std::byte> scratch;

  explicit Memory(const std::vector<Pair>& pairs, std::size_t slack = 0)
      : scores(pairs.size() + slack), rows(pairs.size() + slack) {
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      scores[i] = pairs[i].score;
      rows[i] = pairs[i].row;
    }
  }
  [[nodiscard]] std::vector<Pair> pairs(std::int64_t count) const {
    std::vector<Pair> result;
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
      result.push_back({scores[i], rows[i]});
    }
    return result;
  }
};

std::vector<Pair> best_of(std::vector<Pair> pairs, std::int64_t k) {
  std::sort(pairs.begin(), pairs.end(), better);
  pairs.resize(std::min(pairs.size(), static_cast<std::size_t>(k)));
  return pairs;
}

/// select_top of `pairs`, by a list that is exactly full.
void expect_selected(const Kernels& kernels, const std::vector<Pair>& pairs, std::int64_t k) {
  Memory memory(pairs, kListSlack);
  const auto count = static_cast<std::int64_t>(pairs.size());
  memory.scratch = core::AlignedBuffer<std::byte>("scratch", list_scratch_bytes(count));
  TopList list{.k = k,
               .capacity = count,
               .count = count,
               .scores = memory.scores.data(),
               .rows = memory.rows.data(),
               .scratch = memory.scratch.data(),
               .threshold = 0,
               .closed = false,
               .met_nan = false};
  kernels.select_top(list);
  const std::vector<Pair> expected = best_of(pairs, k);
  ASSERT_EQ(list.count, static_cast<std::int64_t>(expected.size()));
  ASSERT_EQ(list.closed, count >= k);
  if (list.closed) {
    ASSERT_EQ(list.threshold, expected.back().score);
  }
  ASSERT_EQ(best_of(memory.pairs(list.count), k), expected);
}

TEST_P(Select, keeps_the_best_k) {
  EXPECT_TRUE(rc::check([&](std::uint64_t seed) {
    Draw draw(seed);
    const std::int64_t count = draw.one_in(2) ? draw.integer(1, 200) : draw.integer(1, 6000);
    const std::int64_t k = draw.one_in(4) ? draw.integer(1, 3) : draw.integer(1, count + 2);
    expect_selected(kernels(), draw_pairs(draw, count), k);
    RC_ASSERT(!testing::Test::HasFailure());
  }));
}

TEST_P(Select, stays_right_when_the_samples_mislead) {
  // Every sample that select_avx512-inl.hpp can take of the first pass is low, and what is left
  // grows geometrically, so that a pass removes little.
  constexpr std::int64_t kCount = 8192;
  std::vector<Pair> pairs;
  for (std::int64_t i = 0; i < kCount; ++i) {
    const float score =
        i % 128 == 0 ? -static_cast<float>(i) : std::ldexp(1.0F, static_cast<int>(i % 120));
    pairs.push_back({score, static_cast<std::uint32_t>(kCount - i)});
  }
  for (const std::int64_t k : {1, 40, 512, 4000, 8191}) expect_selected(kernels(), pairs, k);
}

TEST_P(Select, sorts_any_number_of_pairs_and_makes_minus_zero_plus_zero) {
  EXPECT_TRUE(rc::check([&](std::uint64_t seed) {
    Draw draw(seed);
    const std::int64_t count = draw.one_in(8) ? draw.integer(0, 20000) : draw.integer(0, 700);
    const std::vector<Pair> pairs = draw_pairs(draw, count);
    Memory memory(pairs);
    kernels().sort_top(memory.scores.data(), memory.rows.data(), count);
    RC_ASSERT((memory.pairs(count) == best_of(pairs, count)));
    RC_ASSERT(std::none_of(memory.scores.begin(), memory.scores.end(),
                           [](float x) { return x == 0 && std::signbit(x); }));
  }));
}

TEST(SelectPlain, sorts_long_lists_that_partition_badly) {
  for (const int shape : {0, 1, 2}) {
    std::vector<Pair> pairs;
    for (std::uint32_t i = 0; i < 30000; ++i) {
      const float organ_pipe = static_cast<float>(std::min(i, 30000 - i));
      const float score = shape == 0 ? organ_pipe : shape == 1 ? -organ_pipe : 1.0F;
      pairs.push_back({score, i});
    }
    Memory memory(pairs);
    sort_top_plain(memory.scores.data(), memory.rows.data(), 30000);
    EXPECT_EQ(memory.pairs(30000), best_of(pairs, 30000));
  }
}

}  // namespace
}  // namespace fulgurite::cpu
