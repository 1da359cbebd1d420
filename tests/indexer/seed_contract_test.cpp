#include "indexer/seed_contract.hpp"

#include <gtest/gtest.h>

#include <string>

#include "fulgurite/error.hpp"
#include "fulgurite/selection.hpp"
#include "support/seed_case.hpp"

namespace fulgurite {
namespace {

using testing::Random;
using testing::SeedCase;

template <class Change>
void expect_refused(Change change, const std::string& message) {
  Random random(6);
  SeedCase step({}, random);
  ASSERT_NO_THROW(step.input.validate());
  change(step);
  try {
    step.input.validate();
    FAIL() << "no error, expected: " << message;
  } catch (const Error& error) {
    EXPECT_EQ(error.what(), message);
  }
}

TEST(SeedContract, ScalarsOutOfRangeAreNamed) {
  expect_refused([](SeedCase& s) { s.input.start_pos = -1; },
                 "start_pos: expected 0 to 65, found -1");
  expect_refused([](SeedCase& s) { s.input.start_pos = 66; },
                 "start_pos: expected 0 to 65, found 66");
  expect_refused([](SeedCase& s) { s.input.offset = -1; },
                 "offset: expected 0 to 2147483631, found -1");
  expect_refused([](SeedCase& s) { s.input.topk = 0; },
                 "model shape: topk: expected at least 1, found 0");
}

TEST(SeedContract, MoreTokensThanTheCacheCanEverHoldAreNamed) {
  Random random(9);
  SeedCase step({.batch = 1, .tokens = 20, .rows = 4, .start_pos = 0}, random);
  try {
    step.input.validate();
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "x: tokens S, for the rows of idx_kv_cache: expected 1 to 19, found 20");
  }
}

TEST(SeedContract, TheLastStartPositionFillsTheCache) {
  Random random(6);
  SeedCase step({}, random);
  step.input.start_pos = 65;
  ASSERT_NO_THROW(step.input.validate());
  EXPECT_EQ(step.input.visible_rows(), step.input.cache_rows());
}

TEST(SeedContract, ShapesThatDisagreeAreNamed) {
  expect_refused([](SeedCase& s) { s.input.qr = {s.qr.data(), {2, 64}}; },
                 "qr: expected shape [4,64], found [2,64]");
  expect_refused([](SeedCase& s) { s.input.cos = {s.cos.data(), {32, 1}}; },
                 "cos: expected shape [1,32], found [32,1]");
  expect_refused([](SeedCase& s) { s.input.inner_kv = {s.kv.data(), {4, 1, 128}}; },
                 "inner_kv: expected shape [2,2,128], found [4,1,128]");
  expect_refused([](SeedCase& s) { s.input.idx_kv_cache = {s.cache.data(), {1, 32, 128}}; },
                 "idx_kv_cache: expected shape [2,32,128], found [1,32,128]");
  expect_refused([](SeedCase& s) { s.input.x = {s.x.data(), {0, 2, 64}}; },
                 "x: sequences B: expected 1 to 2147483647, found 0");
  expect_refused([](SeedCase& s) { s.input.x = {s.x.data(), {2, 0, 64}}; },
                 "x: tokens S: expected 1 to 2147483647, found 0");
}

TEST(SeedContract, SelectionMatricesMustSelectTheirPairs) {
  expect_refused([](SeedCase& s) { std::swap(s.input.even_select, s.input.odd_select); },
                 "even_select: expected 1 at [0,0], found 0");
  expect_refused([](SeedCase& s) { s.odd_select[70] = to_bf16(1.F); },
                 "odd_select: expected 0 at [2,6], found 1");
}

TEST(SeedContract, AnglesMustBeFinite) {
  expect_refused([](SeedCase& s) { s.sin[9] = std::numeric_limits<float>::infinity(); },
                 "sin: expected finite values, found NaN or infinity at [0,9]");
}

TEST(SeedContract, OptionalTensorsMayBeAbsent) {
  Random random(7);
  SeedCase step({.start_pos = 28}, random);
  step.input.even_select = {};
  step.input.odd_select = {};
  step.input.inner_kv = {};
  const SeedOutput output = reference::seed_step(step.input);
  EXPECT_EQ(output.inner_kv, std::vector<float>(2 * 2 * 128, 0.F));
}

TEST(SeedContract, OnlyWhatTheStepWritesChanges) {
  Random random(8);
  SeedCase step({.start_pos = 30}, random);
  const SeedOutput output = reference::seed_step(step.input);
  for (std::size_t i = 0; i < step.cache.size(); ++i) {
    const std::size_t row = i / 128 % 16;
    EXPECT_TRUE(row == 7 || output.idx_kv_cache[i] == step.cache[i]) << i;
  }
  for (std::size_t token = 0; token < 4; ++token) {
    for (std::size_t row = 8; row < 16; ++row) {
      EXPECT_EQ(output.score[token * 16 + row], kUnseenScore);
      EXPECT_EQ(output.topk_idxs[token * 16 + row], kNoRow);
    }
  }
}

}  // namespace
}  // namespace fulgurite
