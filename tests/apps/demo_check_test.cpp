// The demo's own check: it must notice a single wrong bit.
#include "demo_check.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "fulgurite/executor.hpp"

namespace fulgurite::app {
namespace {

/// 5 sequences of 2 tokens, 8 rows; small enough for the reference to be quick.
DemoSize small_size() {
  return {.shape = {.hidden = 32, .query_rank = 32, .heads = 8, .topk = 3},
          .sequences = 5,
          .tokens_each = 2,
          .start_pos = 30};
}

class DemoCheck : public testing::Test {
 protected:
  [[nodiscard]] std::string difference() const {
    return difference_from_reference(data_, output_, *executor_);
  }

  DemoData data_{small_size(), 3};
  SeedOutput output_ = reference::seed_step(data_.input());
  std::shared_ptr<Executor> executor_ = make_thread_pool(2);
};

TEST_F(DemoCheck, TheReferencesOwnOutputIsEqual) { EXPECT_EQ(difference(), ""); }

TEST_F(DemoCheck, OneWrongElementOfAnyTensorIsFoundWhereItIs) {
  const auto expect_found = [this](auto& value, auto wrong, const char* where) {
    const auto right = value;
    value = wrong;
    EXPECT_EQ(difference(), where);
    value = right;
  };
  expect_found(output_.idx_kv_cache[(3 * 8 + 2) * 128 + 5], Bf16{0x1234},
               "idx_kv_cache at [3,2,5]");
  expect_found(output_.score[(4 * 2 + 1) * 8 + 7], 9.F, "score at [4,1,7]");
  expect_found(output_.topk_idxs[0], 77, "topk_idxs at [0,0,0]");
  expect_found(output_.inner_kv[(2 * 2 + 1) * 128], 9.F, "inner_kv at [2,1,0]");
  expect_found(output_.inner_kv_state[(1 * 8 + 6) * 256 + 255], 9.F, "inner_kv_state at [1,6,255]");
  expect_found(output_.inner_score_state.back(), 9.F, "inner_score_state at [4,7,255]");
  EXPECT_EQ(difference(), "");
}

TEST_F(DemoCheck, ZeroesOfDifferentSignDiffer) {
  output_.inner_kv[130] = 0.F;  // token 1 of a sequence holds nothing
  EXPECT_EQ(difference(), "");
  output_.inner_kv[130] = -0.F;
  EXPECT_EQ(difference(), "inner_kv at [0,1,2]");
}

TEST_F(DemoCheck, AnotherSeedGivesAnotherStep) {
  output_ = reference::seed_step(DemoData(small_size(), 4).input());
  EXPECT_NE(difference(), "");
}

TEST(DemoData, IsTheSameEverywhereAndAlways) {
  const DemoData data(small_size(), 3);
  const SeedInput input = data.input();
  EXPECT_EQ(input.x(0, 0, 0).bits, 16224);
  EXPECT_EQ(input.wq_b(1, 2), 16);
  EXPECT_EQ(std::bit_cast<std::uint32_t>(input.inner_ape(3, 255)), 1034763472);
}

TEST(DemoData, IsSignedOfDeviation1AndWithoutLongTails) {
  const DemoSize size = {.shape = {.hidden = 4096, .query_rank = 32, .heads = 8, .topk = 3},
                         .sequences = 4,
                         .tokens_each = 4,
                         .start_pos = 30};
  const DemoData data(size, 1);
  double sum = 0;
  double squares = 0;
  for (const Bf16 value : data.input().x.flat()) {
    const auto x = static_cast<double>(to_float(value));
    EXPECT_LE(std::abs(x), 3.47);
    sum += x;
    squares += x * x;
  }
  EXPECT_NEAR(sum / 65536, 0, 0.02);
  EXPECT_NEAR(squares / 65536, 1, 0.02);
}

}  // namespace
}  // namespace fulgurite::app
