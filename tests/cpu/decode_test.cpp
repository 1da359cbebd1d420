#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <thread>

#include "support/decoders.hpp"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace fulgurite {
namespace {

using testing::CpuDecoder;
using testing::difference;
using testing::Random;
using testing::ReferenceDecoder;
using testing::TestBatch;
using testing::TestTokens;
using testing::TestWeights;
using testing::Values;

constexpr ModelShape kShape{.hidden = 48, .query_rank = 32, .heads = 16, .topk = 6};

KeyCacheOptions cache_options(std::int64_t sequences, std::int64_t rows, std::int64_t page_rows) {
  return {
      .sequences = sequences, .pages = sequences * (rows / page_rows + 1), .page_rows = page_rows};
}

/// Seven lanes on any machine, each on a thread of its own, the last task first.
class ManyLanes final : public Executor {
 public:
  [[nodiscard]] int threads() const noexcept override { return 7; }
  using Executor::run;
  void run(int count, Task task, void* context) override {
    std::vector<std::thread> threads;
    for (int index = count; index-- > 0;) threads.emplace_back(task, context, index);
    for (std::thread& thread : threads) thread.join();
  }
};

std::shared_ptr<Executor> random_executor(Random& random) {
  if (random.chance(3)) return std::make_shared<ManyLanes>();
  return make_thread_pool(random.chance(2) ? 1 : 2);
}

/// Ragged steps of random sizes over several sequences, some idle.
void expect_ragged_decode_equals_reference(const TestWeights& weights, Random& random, Isa isa,
                                           Values values) {
  constexpr std::int64_t kSequences = 3;
  const std::int64_t total = random.integer(20, 50);
  const ModelShape& shape = weights.shape;
  std::vector<TestTokens> tokens;
  for (int i = 0; i < kSequences; ++i) tokens.emplace_back(shape, total, random, values);
  const int slots = static_cast<int>(random.integer(8, 20));
  ReferenceDecoder reference(weights, kSequences, slots);
  const std::int64_t smallest_portions = 1;
  KeyCacheOptions cache = cache_options(kSequences, total / 4, random.integer(1, 9));
  if (weights.recipe.key == Rounding::bf16 && random.chance(3)) cache.storage = RowStorage::bf16;
  CpuDecoder cpu(weights, cache, slots, isa, random_executor(random),
                 random.chance(2) ? smallest_portions : IndexerOptions{}.workspace_bytes);
  std::array<std::int64_t, kSequences> length{};
  while (*std::min_element(length.begin(), length.end()) < total) {
    TestBatch batch(shape);
    for (std::int64_t i = 0; i < kSequences; ++i) {
      std::int64_t& at = length[static_cast<std::size_t>(i)];
      const std::int64_t count = std::min(total - at, random.integer(0, 11));
      if (random.chance(5)) continue;
      batch.add(i, tokens[static_cast<std::size_t>(i)], at, count,
                random.chance(2) ? random.integer(0, count) : 0);
      at += count;
    }
    DecodeBatch step = batch.views();
    step.offset = random.integer(0, 200);
    std::vector<std::uint8_t> mask;
    if (random.chance(2)) {
      step.mask_rows = random.integer(1, 7);
      const std::int64_t entries = (total / 4 + 1) / step.mask_rows + random.integer(1, 3);
      for (std::int64_t i = 0; i < step.selected_tokens() * entries; ++i) {
        mask.push_back(random.chance(2) ? std::uint8_t{0} : static_cast<std::uint8_t>(i | 1));
      }
      mask.push_back(0);
      step.row_mask = {mask.data(), {step.selected_tokens(), entries}};
    }
    const auto expected = reference.decode(step);
    const Selection found = cpu.decode(step);
    ASSERT_EQ(difference(expected, found, step.offset), "") << name(isa);
    EXPECT_EQ(cpu.report.tokens_with_nan, expected.tokens_with_nan);
  }
  for (std::int64_t i = 0; i < kSequences; ++i) {
    EXPECT_EQ(difference(reference.state(i), cpu, i), "") << name(isa);
    EXPECT_EQ(cpu.state.length(i), total);
  }
}

ModelShape random_shape(Random& random, std::int64_t most_rank = 64) {
  return {.hidden = 16 * random.integer(1, 5),
          .query_rank = 16 * random.integer(1, most_rank / 16),
          .heads = 8 * random.integer(1, 4),
          .topk = random.integer(1, 14)};
}

void expect_ragged_decode_equals_reference(Random& random, Isa isa, Values values,
                                           const Recipe& recipe = Recipe::seed_int8()) {
  const ModelShape shape = random_shape(random);
  const TestWeights weights(shape, random, values, random.chance(3), recipe);
  expect_ragged_decode_equals_reference(weights, random, isa, values);
}

class RaggedDecode : public ::testing::TestWithParam<Values> {};

TEST_P(RaggedDecode, EqualsTheReferenceForRandomShapesIsasPagesAndThreads) {
  Random random(21);
  for (int round = 0; round < 4; ++round) {
    for (const Isa isa : testing::available_isas()) {
      expect_ragged_decode_equals_reference(random, isa, GetParam());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Values, RaggedDecode,
                         ::testing::Values(Values::normal, Values::grid, Values::extreme,
                                           Values::wild));

class RecipeDecode : public ::testing::TestWithParam<const char*> {};

TEST_P(RecipeDecode, EqualsTheReferenceForRandomShapesIsasPagesAndThreads) {
  Random random(22);
  for (const Values values : {Values::normal, Values::grid, Values::extreme, Values::wild}) {
    for (const Isa isa : testing::available_isas()) {
      expect_ragged_decode_equals_reference(random, isa, values, Recipe::named(GetParam()));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, RecipeDecode,
                         ::testing::Values("deepseek", "deepseek-bf16score", "fp8", "fp8-f32scale",
                                           "fp8-rot", "exact", "exact-bf16"));

/// A checkpoint's own wq_b: e4m3, and a scale for each 128 x 128.
class BlockScaledDecode : public ::testing::TestWithParam<const char*> {};

TEST_P(BlockScaledDecode, EqualsTheReferenceForRandomShapesIsasPagesAndThreads) {
  Random random(30);
  for (const Values values : {Values::normal, Values::grid, Values::extreme, Values::wild}) {
    for (const Isa isa : testing::available_isas()) {
      const ModelShape shape = random_shape(random, 400);
      TestWeights weights(shape, random, values, random.chance(3), Recipe::named(GetParam()));
      weights.use_block_scales(random, random.chance(2));
      expect_ragged_decode_equals_reference(weights, random, isa, values);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, BlockScaledDecode, ::testing::Values("seed-int8", "deepseek", "fp8"));

TEST(Decode, RowsThatManyLanesShareAreMergedInOrder) {
  Random random(29);
  const TestWeights weights(kShape, random, Values::grid);
  const std::vector<Bf16> rows = random.bf16s(9000 * kHeadDim, Values::grid);
  const TestTokens tokens(kShape, 36'001, random, Values::grid);
  std::optional<Selection> expected;
  for (const bool many : {false, true}) {
    CpuDecoder cpu(weights, cache_options(1, 9001, 64), 16, resolve_isa(),
                   many ? std::make_shared<ManyLanes>() : make_thread_pool(1));
    cpu.keys.store(0, 0, {rows.data(), {9000, kHeadDim}});
    cpu.state.resume(0, 36'000);
    TestBatch batch(kShape);
    batch.add(0, tokens, 36'000, 1);
    const Selection found = cpu.decode(batch.views());
    if (!expected) expected = found;
    EXPECT_TRUE(std::ranges::equal(expected->rows(0), found.rows(0)));
    EXPECT_TRUE(std::ranges::equal(expected->logits(0), found.logits(0)));
  }
}

/// What decoding a sequence in steps of the given sizes (repeated) selects, token by token.
std::vector<std::vector<std::int32_t>> selections(const TestWeights& weights,
                                                  const TestTokens& tokens,
                                                  const std::vector<std::int64_t>& sizes) {
  CpuDecoder cpu(weights, cache_options(1, tokens.count / 4, 64), 16, resolve_isa(),
                 make_thread_pool(2));
  std::vector<std::vector<std::int32_t>> rows;
  for (std::int64_t at = 0, turn = 0; at < tokens.count; ++turn) {
    const std::int64_t size = sizes[static_cast<std::size_t>(turn) % sizes.size()];
    const std::int64_t count = std::min(size, tokens.count - at);
    TestBatch batch(weights.shape);
    batch.add(0, tokens, at, count);
    const Selection found = cpu.decode(batch.views());
    for (std::int64_t t = 0; t < count; ++t) {
      rows.emplace_back(found.rows(t).begin(), found.rows(t).end());
    }
    at += count;
  }
  return rows;
}

TEST(Decode, TokensOneByOneEqualTokensInStepsOfAnySizes) {
  Random random(22);
  const TestWeights weights(kShape, random, Values::normal);
  const TestTokens tokens(kShape, 300, random, Values::normal);
  const auto expected = selections(weights, tokens, {1});
  EXPECT_EQ(expected[2].size(), 0U);
  EXPECT_EQ(expected[3], (std::vector<std::int32_t>{0}));
  for (const auto& sizes : std::vector<std::vector<std::int64_t>>{
           {2}, {3, 1, 7}, {4}, {5, 8}, {64}, {129}, {300}, {1, 299}}) {
    EXPECT_EQ(selections(weights, tokens, sizes), expected) << "first size " << sizes[0];
  }
}

/// A prompt of a length, of which the last few tokens select, and two tokens after it.
std::vector<std::int32_t> after_prompt(const TestWeights& weights, const TestTokens& tokens,
                                       std::int64_t selecting, StepReport& report) {
  const std::int64_t prompt = tokens.count - 2;
  CpuDecoder cpu(weights, cache_options(1, tokens.count / 4, 64), 16, resolve_isa(),
                 make_thread_pool(2));
  TestBatch batch(weights.shape);
  batch.add(0, tokens, 0, prompt, prompt - selecting);
  const Selection picks = cpu.decode(batch.views());
  report = cpu.report;
  std::vector<std::int32_t> rows;
  if (selecting > 0) {
    rows.assign(picks.rows(selecting - 1).begin(), picks.rows(selecting - 1).end());
  }
  const std::vector<std::int32_t> more = testing::decode_some(cpu, 0, tokens, prompt, 2);
  rows.insert(rows.end(), more.begin(), more.end());
  return rows;
}

TEST(Decode, TokensThatSelectNothingLeaveTheSameRowsAndCostNoQuery) {
  Random random(24);
  const TestWeights weights(kShape, random, Values::normal);
  const TestTokens tokens(kShape, 302, random, Values::normal);
  StepReport all;
  StepReport one;
  StepReport none;
  const auto expected = after_prompt(weights, tokens, 300, all);
  EXPECT_EQ(after_prompt(weights, tokens, 1, one), expected);
  const auto found = after_prompt(weights, tokens, 0, none);
  EXPECT_TRUE(std::equal(found.rbegin(), found.rend(), expected.rbegin()));
  EXPECT_EQ(one[Stage::query].int8_macs * 300, all[Stage::query].int8_macs);
  EXPECT_EQ(none[Stage::query].int8_macs, 0);
  EXPECT_EQ(none[Stage::select].int8_macs, 0);
  EXPECT_LT(none[Stage::project].bf16_macs, all[Stage::project].bf16_macs);
  EXPECT_EQ(none[Stage::quantize].bytes, 0);
}

TEST(Decode, QueryLatentsMayBeAbsentIfNoTokenSelects) {
  Random random(24);
  const TestWeights weights(kShape, random, Values::normal);
  const TestTokens tokens(kShape, 20, random, Values::normal);
  CpuDecoder cpu(weights, cache_options(1, 5, 64), 16, resolve_isa(), make_thread_pool(1));
  TestBatch batch(kShape);
  batch.add(0, tokens, 0, 20, 20);
  DecodeBatch views = batch.views();
  views.qr = {};
  views.qr_scale = {};
  const Selection picks = cpu.decode(views);
  EXPECT_EQ(picks.tokens(), 0);
  EXPECT_EQ(cpu.state.length(0), 20);
}

TEST(Decode, ProgressIsToldByTheCallersThreadUpToTheLastToken) {
  Random random(24);
  const TestWeights weights(kShape, random, Values::normal);
  const TestTokens tokens(kShape, 300, random, Values::normal);
  CpuDecoder cpu(weights, cache_options(2, 75, 64), 16, resolve_isa(), make_thread_pool(2));
  TestBatch batch(kShape);
  batch.add(0, tokens, 0, 300);
  batch.add(1, tokens, 0, 100, 100);
  const DecodeBatch views = batch.views();
  Selection picks(kShape, views.selected_tokens());
  std::vector<std::int64_t> told{0};
  const auto self = std::this_thread::get_id();
  cpu.indexer.decode(views, cpu.keys, cpu.state, picks, [&](std::int64_t done, std::int64_t total) {
    EXPECT_EQ(total, 400);
    EXPECT_GT(done, told.back());
    EXPECT_LE(done, told.back() + 128);
    EXPECT_EQ(std::this_thread::get_id(), self);
    told.push_back(done);
  });
  EXPECT_EQ(told.back(), 400);
}

TEST(Decode, ASequenceDoesNotDependOnItsBatch) {
  Random random(23);
  const TestWeights weights(kShape, random, Values::normal);
  std::vector<TestTokens> tokens;
  for (int i = 0; i < 5; ++i) tokens.emplace_back(kShape, 40, random, Values::normal);
  CpuDecoder together(weights, cache_options(5, 10, 4), 16, resolve_isa(), make_thread_pool(2));
  CpuDecoder alone(weights, cache_options(5, 10, 16), 16, resolve_isa(), make_thread_pool(1));
  TestBatch batch(kShape);
  for (std::int64_t i = 0; i < 5; ++i) batch.add(i, tokens[static_cast<std::size_t>(i)], 0, 40);
  const Selection all = together.decode(batch.views());
  for (std::int64_t i = 0; i < 5; ++i) {
    TestBatch single(kShape);
    single.add(i, tokens[static_cast<std::size_t>(i)], 0, 40);
    const Selection one = alone.decode(single.views());
    for (std::int64_t t = 0; t < 40; ++t) {
      EXPECT_TRUE(std::ranges::equal(one.rows(t), all.rows(i * 40 + t)));
      EXPECT_TRUE(std::ranges::equal(one.scores(t), all.scores(i * 40 + t)));
    }
  }
}

TEST(Decode, APageThatWasFreedBringsNoOldRow) {
  Random random(24);
  const TestWeights weights(kShape, random, Values::normal);
  const TestTokens first(kShape, 40, random, Values::normal);
  const TestTokens second(kShape, 40, random, Values::normal);
  CpuDecoder used(weights, {.sequences = 1, .pages = 3, .page_rows = 4}, 16, resolve_isa(),
                  make_thread_pool(1));
  CpuDecoder fresh(weights, {.sequences = 1, .pages = 3, .page_rows = 4}, 16, resolve_isa(),
                   make_thread_pool(1));
  TestBatch batch(kShape);
  batch.add(0, first, 0, 40);
  used.decode(batch.views());
  EXPECT_EQ(used.keys.free_pages(), 0);
  used.keys.clear(0);
  used.state.reset(0);
  EXPECT_EQ(used.keys.free_pages(), 3);
  for (std::int64_t t = 0; t < 40; ++t) {
    TestBatch step(kShape);
    step.add(0, second, t, 1);
    const Selection a = used.decode(step.views());
    const Selection b = fresh.decode(step.views());
    EXPECT_TRUE(std::ranges::equal(a.rows(0), b.rows(0))) << t;
    EXPECT_TRUE(std::ranges::equal(a.logits(0), b.logits(0))) << t;
  }
}

TEST(Decode, TheCallersFloatModeNeitherMattersNorChanges) {
#if defined(__x86_64__)
  Random random(25);
  const TestWeights weights(kShape, random, Values::extreme);
  const TestTokens tokens(kShape, 60, random, Values::extreme);
  std::optional<Selection> expected;
  const unsigned before = _mm_getcsr();
  for (const unsigned mode : {0x1f80U, 0x9fc0U, 0x7f80U}) {  // default; FTZ, DAZ; towards zero
    CpuDecoder cpu(weights, cache_options(1, 15, 4), 16, resolve_isa(), make_thread_pool(2));
    TestBatch batch(kShape);
    batch.add(0, tokens, 0, 60);
    _mm_setcsr(mode);
    const Selection found = cpu.decode(batch.views());
    const unsigned after = _mm_getcsr();
    _mm_setcsr(before);
    EXPECT_EQ(after & ~0x3fU, mode & ~0x3fU);
    if (!expected) expected = found;
    for (std::int64_t t = 0; t < 60; ++t) {
      const auto a = expected->logits(t);
      const auto b = found.logits(t);
      EXPECT_TRUE(std::ranges::equal(a, b, testing::same_bits)) << mode << " token " << t;
    }
  }
#endif
}

TEST(Decode, WorksInTheEnginesMemoryThroughItsBlockTable) {
  Random random(26);
  const TestWeights weights(kShape, random, Values::normal);
  const TestTokens tokens(kShape, 50, random, Values::normal);
  ReferenceDecoder reference(weights, 2, 16);
  constexpr std::int64_t kPageRows = 3;
  constexpr std::int64_t kPages = 11;
  constexpr std::int64_t kCodeStride = kPageRows * 128 + 40;
  constexpr std::int64_t kScaleStride = 7;
  std::vector<std::int8_t> codes(kPages * kCodeStride, 99);
  std::vector<float> scales(kPages * kScaleStride, -7.F);
  std::vector<std::int32_t> table{-1, -1, -1, -1, -1, 10, 3, 5, 0, 8};
  std::vector<float> kv(2 * 16 * 256);
  std::vector<float> gate(2 * 16 * 256);
  const Indexer indexer(kShape, weights.views(), {.executor = make_thread_pool(1)});
  KeyCache keys({.codes = codes.data(),
                 .scales = scales.data(),
                 .pages = kPages,
                 .page_rows = kPageRows,
                 .code_stride = kCodeStride,
                 .scale_stride = kScaleStride},
                {table.data(), {2, 5}});
  CompressorState state({kv.data(), {2, 16, 256}}, {gate.data(), {2, 16, 256}});
  for (std::int64_t at = 0; at < 50; at += 5) {
    TestBatch batch(kShape);
    batch.add(1, tokens, at, 5);
    Selection picks(kShape, 5, {.scores = true, .logit_rows = 13});
    indexer.decode(batch.views(), keys, state, picks);
    EXPECT_EQ(difference(reference.decode(batch.views()), picks, 0), "");
  }
  EXPECT_EQ(scales[10 * kScaleStride], keys.scale(1, 0));
  for (std::int64_t page = 0; page < kPages; ++page) {  // what lies between pages is the engine's
    for (std::int64_t i = kPageRows * 128; i < kCodeStride; ++i) {
      EXPECT_EQ(codes[static_cast<std::size_t>(page * kCodeStride + i)], 99);
    }
  }
}

TEST(Decode, AStateCanLeaveInTheOfficialLayoutAndComeBack) {
  Random random(27);
  const TestWeights weights(kShape, random, Values::normal);
  const TestTokens tokens(kShape, 40, random, Values::normal);
  for (std::int64_t cut = 0; cut < 20; ++cut) {
    CpuDecoder whole(weights, cache_options(1, 10, 4), 16, resolve_isa(), make_thread_pool(1));
    TestBatch front(kShape);
    front.add(0, tokens, 0, cut);
    whole.decode(front.views());
    std::vector<float> kv(8 * 256);
    std::vector<float> gate(8 * 256);
    whole.state.export_official(0, {kv.data(), {8, 256}}, {gate.data(), {8, 256}});
    CompressorState other({.sequences = 1, .slots = 8});
    other.import_official(0, cut, {kv.data(), {8, 256}}, {gate.data(), {8, 256}});
    TestBatch back(kShape);
    back.add(0, tokens, cut, 20);
    std::swap(whole.state, other);
    const Selection continued = whole.decode(back.views());
    CpuDecoder straight(weights, cache_options(1, 10, 4), 16, resolve_isa(), make_thread_pool(1));
    straight.decode(front.views());
    const Selection expected = straight.decode(back.views());
    for (std::int64_t t = 0; t < 20; ++t) {
      EXPECT_TRUE(std::ranges::equal(expected.logits(t), continued.logits(t))) << cut;
    }
  }
}

}  // namespace
}  // namespace fulgurite
