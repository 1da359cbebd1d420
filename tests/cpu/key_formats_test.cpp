// Each recipe, each instruction set, each way to store its rows: against the reference. This is the
// table of the README.
#include <gtest/gtest.h>

#include <array>
#include <numeric>
#include <utility>
#include <vector>

#include "cpu/packed_row.hpp"
#include "fulgurite/error.hpp"
#include "support/decoders.hpp"

namespace fulgurite {
namespace {

using testing::difference;
using testing::Random;
using testing::ReferenceDecoder;
using testing::TestBatch;
using testing::TestTokens;
using testing::TestWeights;
using testing::Values;

constexpr ModelShape kFormatShape{.hidden = 48, .query_rank = 32, .heads = 16, .topk = 6};
constexpr std::int64_t kTokens = 90;
constexpr std::int64_t kRows = kTokens / kRatio;

/// An engine's memory: pages "values, then scales", in an order of their own, with a gap.
struct EnginePages {
  EnginePages(const Recipe& recipe, RowStorage storage, std::int64_t page_rows)
      : blocks(kRows / page_rows + 1) {
    const std::int64_t row_bytes =
        storage == RowStorage::bf16 ? 256 : cpu::code_bytes(recipe.row_format);
    constexpr std::int64_t kGap = 24;
    const std::int64_t page_bytes = page_rows * (row_bytes + 4) + kGap;
    memory.assign(static_cast<std::size_t>(2 * blocks * page_bytes / 4), -7.F);
    table.resize(static_cast<std::size_t>(2 * blocks));
    std::iota(table.rbegin(), table.rend(), 0);
    auto* const codes = reinterpret_cast<std::int8_t*>(memory.data());
    pages = {.codes = codes,
             .scales = memory.data() + page_rows * row_bytes / 4,
             .pages = 2 * blocks,
             .page_rows = page_rows,
             .code_stride = page_bytes,
             .scale_stride = page_bytes / 4,
             .storage = storage};
  }

  std::int64_t blocks;
  std::vector<float> memory;
  std::vector<std::int32_t> table;
  KeyPages pages;
};

/// A prompt, then drafts, of two sequences: first token and how many.
constexpr std::array kSteps{std::pair{0, 61}, std::pair{61, 1}, std::pair{62, 9},
                            std::pair{71, 19}};

TestBatch step_batch(const TestTokens& tokens, std::pair<int, int> step) {
  TestBatch batch(kFormatShape);
  for (std::int64_t i = 0; i < 2; ++i) batch.add(i, tokens, step.first, step.second);
  return batch;
}

std::vector<reference::StepResult> expected_steps(const TestWeights& weights,
                                                  const TestTokens& tokens) {
  ReferenceDecoder reference(weights, 2, 16);
  std::vector<reference::StepResult> expected;
  for (const auto& step : kSteps) {
    const TestBatch batch = step_batch(tokens, step);
    expected.push_back(reference.decode(batch.views()));
  }
  return expected;
}

void expect_steps(const std::vector<reference::StepResult>& expected, const TestWeights& weights,
                  const TestTokens& tokens, Isa isa, KeyCache keys) {
  const Indexer indexer(kFormatShape, weights.views(),
                        {.recipe = weights.recipe, .isa = isa, .executor = make_thread_pool(2)});
  CompressorState state({.sequences = 2, .slots = 16});
  for (std::size_t i = 0; i < kSteps.size(); ++i) {
    const TestBatch batch = step_batch(tokens, kSteps[i]);
    Selection picks(kFormatShape, 2 * kSteps[i].second, {.scores = true, .logit_rows = kRows});
    indexer.decode(batch.views(), keys, state, picks);
    ASSERT_EQ(difference(expected[i], picks, 0), "")
        << weights.recipe.name << ", " << name(isa) << ", pages of " << keys.page_rows();
  }
}

class KeyFormats : public ::testing::TestWithParam<const char*> {};

TEST_P(KeyFormats, EachWayToStoreRowsEqualsTheReferenceOnEveryIsa) {
  const Recipe recipe = Recipe::named(GetParam());
  Random random(71);
  const TestWeights weights(kFormatShape, random, Values::normal, false, recipe);
  const TestTokens tokens(kFormatShape, kTokens, random, Values::normal);
  const std::vector<reference::StepResult> expected = expected_steps(weights, tokens);
  for (const RowStorage storage : {RowStorage::quantized, RowStorage::bf16}) {
    if (storage == RowStorage::bf16 && recipe.key == Rounding::none) continue;
    for (const Isa isa : testing::available_isas()) {
      for (const std::int64_t page_rows : {1, 3, 64, 256}) {
        const std::int64_t pages = 2 * (kRows / page_rows + 1);
        expect_steps(
            expected, weights, tokens, isa,
            KeyCache({.sequences = 2, .pages = pages, .page_rows = page_rows, .storage = storage},
                     recipe));
        EnginePages engine(recipe, storage, page_rows);
        expect_steps(expected, weights, tokens, isa,
                     KeyCache(engine.pages, {engine.table.data(), {2, engine.blocks}}, recipe));
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, KeyFormats,
                         ::testing::Values("seed-int8", "deepseek", "deepseek-bf16score", "fp8",
                                           "fp8-f32scale", "fp8-rot", "exact", "exact-bf16"));

TEST(Bf16Rows, OfARecipeWhoseRowsAreNotBf16AreRefused) {
  try {
    const KeyCache keys({.pages = 1, .storage = RowStorage::bf16}, Recipe::exact());
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::unsupported);
    EXPECT_STREQ(error.what(),
                 "key cache: bf16 rows: expected a recipe whose rows are bf16, found exact");
  }
}

TEST(Bf16Rows, AreReadAsTheyWereStoredAndDoNotMixWithQuantisedOnes) {
  Random random(72);
  const std::vector<Bf16> rows = random.bf16s(3 * kHeadDim, Values::extreme);
  KeyCache keys({.pages = 2, .page_rows = 2, .storage = RowStorage::bf16});
  KeyCache quantized({.pages = 2, .page_rows = 2});
  keys.store(0, 0, {rows.data(), {3, kHeadDim}});
  EXPECT_EQ(keys.storage(), RowStorage::bf16);
  std::array<float, kHeadDim> values;
  keys.read(0, 2, values);
  for (std::size_t i = 0; i < kHeadDim; ++i) {
    EXPECT_EQ(to_bf16(values[i]), rows[2 * kHeadDim + i]);
  }
  EXPECT_THROW(static_cast<void>(keys.codes(0, 0)), Error);
  EXPECT_THROW(quantized.store(0, 0, keys, 0, 3), Error);
  KeyCache copy({.pages = 2, .page_rows = 2, .storage = RowStorage::bf16});
  copy.store(0, 0, keys, 0, 3);
  std::array<float, kHeadDim> copied;
  copy.read(0, 2, copied);
  EXPECT_EQ(values, copied);
}

/// What model.py keeps are the values of e2m1 rows, as bf16: quantising those again changes
/// nothing.
TEST(Bf16Rows, OfDeepseekMayHoldTheQuantisedValues) {
  Random random(73);
  for (int round = 0; round < 2000; ++round) {
    reference::Row row;
    for (float& x : row)
      x = round_to_bf16(random.value(round % 2 == 0 ? Values::normal : Values::grid));
    const reference::EncodedRow once = reference::quantize_e2m1(row);
    EXPECT_EQ(reference::quantize_e2m1(once.numbers).numbers, once.numbers);
  }
}

}  // namespace
}  // namespace fulgurite
