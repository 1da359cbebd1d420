#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <thread>

#include "support/decoders.hpp"

namespace fulgurite {
namespace {

using testing::Random;
using testing::TestBatch;
using testing::TestTokens;
using testing::TestWeights;
using testing::Values;

constexpr ModelShape kShape{.hidden = 32, .query_rank = 16, .heads = 8, .topk = 5};
constexpr std::int64_t kTokens = 48;

std::vector<std::int32_t> decode(const Indexer& indexer, const TestTokens& tokens) {
  KeyCache keys({.sequences = 1, .pages = 4, .page_rows = 4}, indexer.recipe());
  CompressorState state({.sequences = 1});
  std::vector<std::int32_t> rows;
  for (std::int64_t at = 0; at < kTokens; at += 3) {
    TestBatch batch(kShape);
    batch.add(0, tokens, at, 3);
    Selection picks(kShape, 3);
    indexer.decode(batch.views(), keys, state, picks);
    rows.insert(rows.end(), picks.indices().begin(), picks.indices().end());
  }
  return rows;
}

class SharedIndexer : public ::testing::TestWithParam<const char*> {};

TEST_P(SharedIndexer, ThreadsThatDecodeAtOnceGetWhatEachWouldGetAlone) {
  Random random(41);
  const Recipe recipe = Recipe::named(GetParam());
  const TestWeights weights(kShape, random, Values::normal, false, recipe);
  const Indexer indexer(kShape, weights.views(),
                        {.recipe = recipe, .executor = make_thread_pool(2)});
  std::vector<TestTokens> tokens;
  for (int i = 0; i < 3; ++i) tokens.emplace_back(kShape, kTokens, random, Values::normal);
  std::array<std::vector<std::int32_t>, 3> found;
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < 3; ++i) {
    threads.emplace_back([&, i] { found[i] = decode(indexer, tokens[i]); });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(found[i], decode(indexer, tokens[i]));
}

INSTANTIATE_TEST_SUITE_P(, SharedIndexer,
                         ::testing::Values("seed-int8", "deepseek", "fp8", "exact"));

}  // namespace
}  // namespace fulgurite
