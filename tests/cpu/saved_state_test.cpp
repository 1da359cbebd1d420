#include "fulgurite/saved_state.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "../io/files.hpp"
#include "support/decoders.hpp"

namespace fulgurite {
namespace {

using testing::CpuDecoder;
using testing::decode_some;
using testing::Random;
using testing::TestTokens;
using testing::TestWeights;
using testing::Values;

constexpr ModelShape kSavedShape{.hidden = 32, .query_rank = 16, .heads = 8, .topk = 5};

CpuDecoder decoder(const TestWeights& weights, std::int64_t page_rows, std::int64_t sequences = 3,
                   std::int64_t pages = 40) {
  return {weights,
          {.sequences = sequences, .pages = pages, .page_rows = page_rows},
          16,
          resolve_isa(),
          make_thread_pool(1)};
}

class SavedState : public ::testing::Test {
 protected:
  io::test::TemporaryFolder folder_;
  std::string path_ = (folder_ / "state.safetensors").string();
};

TEST_F(SavedState, DecodesOnAsIfNothingHadHappened) {
  Random random(51);
  for (const char* recipe : {"seed-int8", "deepseek", "fp8", "exact"}) {
    const TestWeights weights(kSavedShape, random, Values::normal, false, Recipe::named(recipe));
    const TestTokens tokens(kSavedShape, 90, random, Values::normal);
    CpuDecoder whole = decoder(weights, 4);
    decode_some(whole, 0, tokens, 0, 61);
    decode_some(whole, 2, tokens, 0, 3);
    save_state(path_, whole.keys, whole.state);

    CpuDecoder later = decoder(weights, 7);
    load_state(path_, later.keys, later.state);
    EXPECT_EQ(later.state.length(0), 61);
    EXPECT_EQ(later.state.length(1), 0);
    rewind(whole.keys, whole.state, 0, 53);
    rewind(later.keys, later.state, 0, 53);
    EXPECT_EQ(decode_some(whole, 0, tokens, 53, 30), decode_some(later, 0, tokens, 53, 30))
        << recipe;
    EXPECT_EQ(decode_some(whole, 2, tokens, 3, 30), decode_some(later, 2, tokens, 3, 30)) << recipe;
  }
}

TEST_F(SavedState, ATornOrChangedFileIsRefusedAndNothingHappens) {
  Random random(52);
  const TestWeights weights(kSavedShape, random, Values::normal);
  const TestTokens tokens(kSavedShape, 40, random, Values::normal);
  CpuDecoder cpu = decoder(weights, 4);
  decode_some(cpu, 0, tokens, 0, 40);
  save_state(path_, cpu.keys, cpu.state);
  const std::string good = io::test::read_text(path_);
  for (int round = 0; round < 60; ++round) {
    std::string bad = good;
    if (round % 2 == 0) {
      bad.resize(
          static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(good.size()) - 1)));
    } else {
      // Not the header's spaces and not its length, whose change may leave the file as it was.
      const auto data =
          static_cast<std::int64_t>(good.find("}}") == good.npos ? 2000 : good.rfind('}') + 40);
      bad[static_cast<std::size_t>(
          random.integer(data, static_cast<std::int64_t>(good.size()) - 1))] ^= 1;
    }
    std::ofstream(path_, std::ios::binary) << bad;
    CpuDecoder other = decoder(weights, 4);
    EXPECT_THROW(load_state(path_, other.keys, other.state), Error) << round;
    EXPECT_EQ(other.state.length(0), 0);
    EXPECT_EQ(other.keys.free_pages(), 40);
  }
}

TEST_F(SavedState, WhatDoesNotFitIsRefused) {
  Random random(53);
  const TestWeights weights(kSavedShape, random, Values::normal);
  const TestTokens tokens(kSavedShape, 40, random, Values::normal);
  CpuDecoder cpu = decoder(weights, 4);
  decode_some(cpu, 0, tokens, 0, 40);
  save_state(path_, cpu.keys, cpu.state);

  CpuDecoder few_pages = decoder(weights, 4, 3, 2);
  EXPECT_THROW(load_state(path_, few_pages.keys, few_pages.state), Error);
  CpuDecoder more_sequences = decoder(weights, 4, 4);
  EXPECT_THROW(load_state(path_, more_sequences.keys, more_sequences.state), Error);
  const TestWeights fp8(kSavedShape, random, Values::normal, false, Recipe::fp8());
  CpuDecoder other_recipe = decoder(fp8, 4);
  EXPECT_THROW(load_state(path_, other_recipe.keys, other_recipe.state), Error);
  EXPECT_THROW(load_state(path_, cpu.keys, cpu.state), Error);  // it has tokens
  EXPECT_EQ(cpu.state.length(0), 40);
  EXPECT_THROW(load_state((folder_ / "none").string(), cpu.keys, cpu.state), Error);
}

}  // namespace
}  // namespace fulgurite
