#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "support/decoders.hpp"

// What a step allocates.

namespace {
std::atomic<std::int64_t> allocations = 0;
}

// Not inlined, or GCC 12 sees malloc meet delete.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  ++allocations;
  if (void* const memory = std::malloc(bytes == 0 ? 1 : bytes); memory != nullptr) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t /*bytes*/) noexcept {
  std::free(memory);
}

namespace fulgurite {
namespace {

using testing::Random;
using testing::TestBatch;
using testing::TestTokens;
using testing::TestWeights;
using testing::Values;

TEST(Allocation, SteadyDecodingAllocatesNothing) {
  constexpr ModelShape kShape{.hidden = 48, .query_rank = 32, .heads = 16, .topk = 64};
  constexpr std::int64_t kRows = 8000;
  constexpr std::int64_t kSteps = 60;
  Random random(51);
  const TestWeights weights(kShape, random, Values::normal);
  const TestTokens tokens(kShape, 4 * kRows + 2 * kSteps, random, Values::normal);
  const std::vector<Bf16> rows = random.bf16s(kRows * kHeadDim, Values::normal);
  for (const int threads : {1, 2}) {
    const Indexer indexer(kShape, weights.views(), {.executor = make_thread_pool(threads)});
    KeyCache keys({.sequences = 2, .pages = 2 * kRows / 16, .page_rows = 64});
    CompressorState state({.sequences = 2, .slots = 16});
    for (std::int64_t i = 0; i < 2; ++i) {
      keys.store(i, 0, {rows.data(), {kRows, kHeadDim}});
      state.resume(i, 4 * kRows);
    }
    Selection picks(kShape, 4);
    std::int64_t memory = 0;
    for (std::int64_t step = 0; step < kSteps; ++step) {
      TestBatch batch(kShape);
      for (std::int64_t i = 0; i < 2; ++i) batch.add(i, tokens, 4 * kRows + 2 * step, 2);
      const DecodeBatch views = batch.views();
      const std::int64_t before = allocations;
      const StepReport report = indexer.decode(views, keys, state, picks);
      if (step < 20) {
        memory = report.workspace_bytes;
        continue;
      }
      EXPECT_EQ(allocations - before, 0) << "step " << step << ", " << threads << " threads";
      EXPECT_EQ(report.workspace_bytes, memory);
    }
  }
}

TEST(Allocation, AStepOfLongSequencesNeedsUnderTwoMegabytesAThread) {
  const ModelShape shape = ModelShape::v4_flash();
  constexpr std::int64_t kRows = 262'143;
  constexpr std::int64_t kPageRows = 4096;
  Random random(52);
  const TestWeights weights(shape, random, Values::normal);
  const TestTokens tokens(shape, 4, random, Values::normal);
  // One page stands for every page: what the rows hold does not matter here.
  std::vector<std::int8_t> codes(kPageRows * kHeadDim, 1);
  std::vector<float> scales(kPageRows, 1);
  const std::vector<std::int32_t> table(kRows / kPageRows + 1, 0);
  for (const int threads : {1, 2}) {
    for (const std::int64_t count : {1, 2}) {
      const Indexer indexer(shape, weights.views(), {.executor = make_thread_pool(threads)});
      KeyCache keys(
          {.codes = codes.data(), .scales = scales.data(), .pages = 1, .page_rows = kPageRows},
          {table.data(), {1, static_cast<std::int64_t>(table.size())}});
      CompressorState state({.sequences = 1, .slots = 16});
      state.resume(0, 4 * kRows);
      const std::vector<SequenceTokens> sequences{{0, 4 * kRows, count}};
      DecodeBatch batch;
      batch.sequences = sequences;
      batch.x = {tokens.x.data(), {count, shape.hidden}};
      batch.qr = {tokens.qr.data(), {count, shape.query_rank}};
      batch.qr_scale = {tokens.qr_scale.data(), {count}};
      Selection picks(shape, count);
      const StepReport report = indexer.decode(batch, keys, state, picks);
      EXPECT_LT(report.workspace_bytes, 2'000'000 * indexer.threads())
          << count << " tokens, " << threads << " threads";
    }
  }
}

TEST(Allocation, APromptNeedsUnderTwoMegabytesAThreadHoweverLongItIs) {
  Random random(53);
  const std::int64_t length = testing::share_of(4096);
  for (const Recipe& recipe : {Recipe::seed_int8(), Recipe::deepseek()}) {
    const ModelShape shape = ModelShape::v4_flash();
    const TestWeights weights(shape, random, Values::normal, false, recipe);
    const TestTokens tokens(shape, length, random, Values::normal);
    for (const int threads : {1, 2}) {
      const Indexer indexer(shape, weights.views(),
                            {.recipe = recipe, .executor = make_thread_pool(threads)});
      for (const std::int64_t selecting : {40}) {
        KeyCache keys({.sequences = 1, .pages = 16}, recipe);
        CompressorState state({.sequences = 1});
        TestBatch batch(shape);
        batch.add(0, tokens, 0, length, length - selecting);
        const DecodeBatch views = batch.views();
        Selection picks(shape, selecting);
        const StepReport report = indexer.decode(views, keys, state, picks);
        EXPECT_LT(report.workspace_bytes, 2'000'000 * indexer.threads())
            << recipe.name << ", " << threads << " threads, " << selecting << " select";
        CompressorState again({.sequences = 1});
        KeyCache other({.sequences = 1, .pages = 16}, recipe);
        const std::int64_t before = allocations;
        indexer.decode(views, other, again, picks);
        EXPECT_LE(allocations - before, 1) << "but for the cache's own list of pages";
      }
    }
  }
}

}  // namespace
}  // namespace fulgurite
