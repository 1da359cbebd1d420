#include "cpu/seed_step.hpp"

#include <gtest/gtest.h>

#include <cstring>

#include "support/decoders.hpp"
#include "support/seed_case.hpp"

namespace fulgurite::cpu {
namespace {

using testing::Random;
using testing::SeedCase;
using testing::SeedSizes;
using testing::Values;

template <class T>
std::string first_difference(const char* what, const std::vector<T>& expected,
                             const std::vector<T>& found) {
  if (expected.size() != found.size()) return std::string(what) + ": sizes differ";
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (std::memcmp(&expected[i], &found[i], sizeof(T)) == 0) continue;
    return std::string(what) + " differs at " + std::to_string(i);
  }
  return "";
}

std::string difference(const SeedOutput& expected, const SeedOutput& found) {
  for (const std::string& text :
       {first_difference("idx_kv_cache", expected.idx_kv_cache, found.idx_kv_cache),
        first_difference("inner_kv", expected.inner_kv, found.inner_kv),
        first_difference("inner_kv_state", expected.inner_kv_state, found.inner_kv_state),
        first_difference("inner_score_state", expected.inner_score_state, found.inner_score_state),
        first_difference("score", expected.score, found.score),
        first_difference("topk_idxs", expected.topk_idxs, found.topk_idxs)}) {
    if (!text.empty()) return text;
  }
  return "";
}

SeedSizes random_sizes(Random& random) {
  SeedSizes sizes;
  sizes.batch = random.integer(1, 4);
  sizes.tokens = random.integer(1, 9);
  sizes.hidden = 16 * random.integer(1, 8);
  sizes.query_rank = 16 * random.integer(1, 6);
  sizes.heads = 8 * random.integer(1, 16);
  sizes.rows = random.integer(3, 150);
  sizes.start_pos = random.integer(0, 4 * sizes.rows + 3 - sizes.tokens);
  sizes.topk = random.chance(4) ? 1 : random.integer(1, 160);
  return sizes;
}

class SeedStepEqualsReference : public ::testing::TestWithParam<Values> {};

TEST_P(SeedStepEqualsReference, OnEveryIsaAndThreadCount) {
  Random random(11);
  for (std::int64_t round = 0; round < testing::share_of(30); ++round) {
    const SeedSizes sizes = random_sizes(random);
    SeedCase step(sizes, random, GetParam(), random.chance(3));
    step.input.inner_rotate = !random.chance(4);
    const SeedOutput expected = reference::seed_step(step.input);
    for (const Isa isa : testing::available_isas()) {
      for (const int threads : {1, 2}) {
        SeedStep cpu(step.input, isa, make_thread_pool(threads));
        cpu.run();
        ASSERT_EQ(difference(expected, cpu.output()), "")
            << name(isa) << " threads " << threads << " B " << sizes.batch << " S " << sizes.tokens
            << " D " << sizes.hidden << " Q " << sizes.query_rank << " H " << sizes.heads << " L "
            << sizes.rows << " start_pos " << sizes.start_pos << " topk " << sizes.topk;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Values, SeedStepEqualsReference,
                         ::testing::Values(Values::normal, Values::grid, Values::extreme,
                                           Values::wild));

TEST(SeedStep, RunsAgainFromTheSameStart) {
  Random random(12);
  SeedCase step({.tokens = 5}, random);
  SeedStep cpu(step.input, resolve_isa(), make_thread_pool(1));
  cpu.run();
  const SeedOutput first = cpu.output();
  cpu.run();
  EXPECT_EQ(difference(first, cpu.output()), "");
}

TEST(SeedStep, ManyRowsOfOneSequenceAreSharedByTheThreads) {
  Random random(13);
  SeedCase step({.batch = 1, .tokens = 1, .rows = 9000, .start_pos = 35'998, .topk = 512}, random,
                Values::grid);
  const SeedOutput expected = reference::seed_step(step.input);
  for (const int threads : {1, 2}) {
    SeedStep cpu(step.input, resolve_isa(), make_thread_pool(threads));
    cpu.run();
    EXPECT_EQ(difference(expected, cpu.output()), "") << threads;
  }
}

}  // namespace
}  // namespace fulgurite::cpu
