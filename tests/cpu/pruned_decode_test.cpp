#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "cpu/prune.hpp"
#include "support/decoders.hpp"

// Steps without logits, whose selections may be pruned, against those of an indexer that meets
// every head.

namespace fulgurite {
namespace {

using testing::Random;
using testing::TestBatch;
using testing::TestTokens;
using testing::TestWeights;
using testing::Values;

constexpr ModelShape kPrunedShape{.hidden = 32, .query_rank = 32, .heads = 32, .topk = 200};

/// Three lanes on any machine.
class ThreeLanes final : public Executor {
 public:
  [[nodiscard]] int threads() const noexcept override { return 3; }
  using Executor::run;
  void run(int count, Task task, void* context) override {
    std::vector<std::thread> threads;
    for (int index = count; index-- > 0;) threads.emplace_back(task, context, index);
    for (std::thread& thread : threads) thread.join();
  }
};

/// What the rows of a case are like.
enum class Rows { normal, equal, trap, odd };

/// Sequences whose rows lie in memory of the test, so that scales can be anything.
struct Engine {
  static constexpr std::int64_t kPageRows = 48;
  std::int64_t sequences;
  std::int64_t rows;
  std::int64_t blocks;
  std::vector<std::int8_t> codes;
  std::vector<float> scales;
  std::vector<std::int32_t> table;

  Engine(std::int64_t sequence_count, std::int64_t row_count, Rows kind, Random& random)
      : sequences(sequence_count), rows(row_count), blocks(row_count / kPageRows + 1) {
    codes = random.codes(sequences * blocks * kPageRows * kHeadDim);
    for (std::int64_t row = 0; row < sequences * blocks * kPageRows; ++row) {
      scales.push_back(std::fabs(random.value(Values::normal)) * 0.01F + 0.01F);
    }
    for (std::int64_t page = 0; page < sequences * blocks; ++page) {
      table.push_back(static_cast<std::int32_t>(page));
    }
    for (std::int64_t sequence = 0; sequence < sequences; ++sequence)
      shape_rows(sequence, kind, random);
  }
  [[nodiscard]] std::int64_t place(std::int64_t sequence, std::int64_t row) const {
    return sequence * blocks * kPageRows + row;
  }
  void shape_rows(std::int64_t sequence, Rows kind, Random& random) {
    const auto scale = [&](std::int64_t row) -> float& {
      return scales[static_cast<std::size_t>(place(sequence, row))];
    };
    if (kind == Rows::equal) {
      for (std::int64_t row = 1; row < rows; ++row) {
        std::copy_n(codes.begin() + place(sequence, 0) * kHeadDim, kHeadDim,
                    codes.begin() + place(sequence, row) * kHeadDim);
        scale(row) = scale(0);
      }
    }
    if (kind == Rows::trap) {  // only the rows that are sampled score high
      std::vector<std::uint32_t> sample(cpu::kMostSampled);
      const std::int64_t sampled = cpu::sample_size(rows);
      cpu::sample_rows(rows, 0, sampled, sample.data());
      for (std::int64_t i = 0; i < sampled; ++i) scale(sample[static_cast<std::size_t>(i)]) *= 100;
    }
    if (kind == Rows::odd) {
      for (std::int64_t row = 0; row < rows; ++row) {
        if (random.chance(20)) scale(row) = -scale(row);
        if (random.chance(100)) scale(row) = std::numeric_limits<float>::infinity();
        if (random.chance(200)) scale(row) = std::numeric_limits<float>::quiet_NaN();
      }
    }
  }
  KeyCache cache() {
    return {{.codes = codes.data(),
             .scales = scales.data(),
             .pages = sequences * blocks,
             .page_rows = kPageRows},
            {table.data(), {sequences, blocks}}};
  }
};

/// A selection with scores, and the step's report.
struct Result {
  Selection picks;
  StepReport report;
};

/// Candidate rows of each token: entries of so many rows.
struct Mask {
  std::int64_t rows = 0;  ///< 0: none
  std::vector<std::uint8_t> entries;
};

Mask random_mask(Random& random, std::int64_t tokens, std::int64_t rows, std::int64_t entry_rows) {
  Mask mask{.rows = entry_rows, .entries = {}};
  for (std::int64_t i = 0; i < tokens * (rows / entry_rows + 1); ++i) {
    mask.entries.push_back(random.chance(4) ? 0 : 1);
  }
  return mask;
}

Result decode(const TestWeights& weights, Engine& engine, const TestBatch& batch, Isa isa,
              const std::shared_ptr<Executor>& executor, bool prune, const Mask& mask = {}) {
  const Indexer indexer(weights.shape, weights.views(),
                        {.isa = isa, .executor = executor, .prune = prune});
  KeyCache keys = engine.cache();
  CompressorState state({.sequences = engine.sequences, .slots = 16});
  for (std::int64_t i = 0; i < engine.sequences; ++i) state.resume(i, 4 * engine.rows);
  DecodeBatch step = batch.views();
  if (mask.rows != 0) {
    step.mask_rows = mask.rows;
    step.row_mask = {
        mask.entries.data(),
        {step.tokens(), static_cast<std::int64_t>(mask.entries.size()) / step.tokens()}};
  }
  Result result{Selection(weights.shape, step.tokens(), {.scores = true}), {}};
  result.report = indexer.decode(step, keys, state, result.picks);
  return result;
}

void expect_equal(const Result& expected, const Result& found, const std::string& what) {
  for (std::int64_t token = 0; token < expected.picks.tokens(); ++token) {
    ASSERT_TRUE(std::ranges::equal(expected.picks.rows(token), found.picks.rows(token)))
        << what << ", token " << token;
    ASSERT_TRUE(std::ranges::equal(expected.picks.scores(token), found.picks.scores(token),
                                   testing::same_bits))
        << what << ", token " << token;
  }
  EXPECT_EQ(expected.report.tokens_with_nan, found.report.tokens_with_nan) << what;
}

class PrunedDecode : public ::testing::TestWithParam<Rows> {};

TEST_P(PrunedDecode, EqualsTheDenseOneForAnyIsaAndThreads) {
  Random random(31);
  const TestWeights weights(kPrunedShape, random, Values::normal);
  for (const std::int64_t sequences : {1, 2, 7}) {
    Engine engine(sequences, 6000, GetParam(), random);
    const TestTokens tokens(kPrunedShape, 4 * engine.rows + 2, random, Values::normal);
    TestBatch batch(kPrunedShape);
    for (std::int64_t i = 0; i < sequences; ++i) batch.add(i, tokens, 4 * engine.rows, 2);
    for (const Isa isa : testing::available_isas()) {
      const Result expected = decode(weights, engine, batch, isa, make_thread_pool(1), false);
      EXPECT_EQ(expected.report[Stage::select].skipped_macs, 0);
      const std::vector<std::shared_ptr<Executor>> executors{
          make_thread_pool(1), make_thread_pool(2), std::make_shared<ThreeLanes>()};
      for (const auto& executor : executors) {
        const Result found = decode(weights, engine, batch, isa, executor, true);
        const std::string what = std::to_string(sequences) + " sequences, " +
                                 std::string(name(isa)) + ", " +
                                 std::to_string(executor->threads()) + " lanes";
        expect_equal(expected, found, what);
        EXPECT_EQ(expected.report[Stage::select].int8_macs, found.report[Stage::select].int8_macs);
        if (GetParam() == Rows::normal) {
          EXPECT_GT(found.report[Stage::select].skipped_macs, 0) << what;
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Rows, PrunedDecode,
                         ::testing::Values(Rows::normal, Rows::equal, Rows::trap, Rows::odd));

/// The definition of a masked selection, by the scores of all rows.
std::vector<std::int32_t> select_masked(std::span<const float> logits, const Mask& mask,
                                        std::int64_t token, std::int64_t k) {
  const std::int64_t entries = static_cast<std::int64_t>(logits.size()) / mask.rows + 1;
  std::vector<std::int32_t> rows;
  for (std::int32_t row = 0; row < static_cast<std::int32_t>(logits.size()); ++row) {
    if (mask.entries[static_cast<std::size_t>(token * entries + row / mask.rows)] != 0) {
      rows.push_back(row);
    }
  }
  const auto score = [&](std::int32_t row) { return logits[static_cast<std::size_t>(row)]; };
  std::sort(rows.begin(), rows.end(), [&](std::int32_t a, std::int32_t b) {
    return score(a) != score(b) ? score(a) > score(b) : a < b;
  });
  rows.resize(std::min(rows.size(), static_cast<std::size_t>(k)));
  return rows;
}

TEST(MaskedDecode, SelectsTheBestCandidatesPrunedOrNotForAnyIsaAndThreads) {
  Random random(33);
  const TestWeights weights(kPrunedShape, random, Values::normal);
  for (const std::int64_t sequences : {1, 5}) {
    Engine engine(sequences, 6000, Rows::normal, random);
    const TestTokens tokens(kPrunedShape, 4 * engine.rows + 2, random, Values::normal);
    TestBatch batch(kPrunedShape);
    for (std::int64_t i = 0; i < sequences; ++i) batch.add(i, tokens, 4 * engine.rows, 2);
    const std::int64_t count = 2 * sequences;
    const Indexer indexer(kPrunedShape, weights.views(), {.executor = make_thread_pool(1)});
    KeyCache keys = engine.cache();
    CompressorState state({.sequences = sequences, .slots = 16});
    for (std::int64_t i = 0; i < sequences; ++i) state.resume(i, 4 * engine.rows);
    Selection all(kPrunedShape, count, {.logit_rows = engine.rows});
    indexer.decode(batch.views(), keys, state, all);
    for (const std::int64_t entry_rows : {1, 32, 48, 100, 4096}) {
      const Mask mask = random_mask(random, count, engine.rows, entry_rows);
      std::vector<std::vector<std::int32_t>> expected;
      for (std::int64_t token = 0; token < count; ++token) {
        expected.push_back(select_masked(all.logits(token), mask, token, kPrunedShape.topk));
      }
      for (const Isa isa : testing::available_isas()) {
        const std::vector<std::shared_ptr<Executor>> executors{make_thread_pool(1),
                                                               std::make_shared<ThreeLanes>()};
        for (const auto& executor : executors) {
          for (const bool prune : {true, false}) {
            const Result found = decode(weights, engine, batch, isa, executor, prune, mask);
            for (std::int64_t token = 0; token < count; ++token) {
              ASSERT_TRUE(std::ranges::equal(expected[static_cast<std::size_t>(token)],
                                             found.picks.rows(token)))
                  << name(isa) << ", entries of " << entry_rows << ", token " << token;
            }
            if (prune && entry_rows == 48) {
              EXPECT_GT(found.report[Stage::select].skipped_macs, 0) << name(isa);
            }
          }
        }
      }
    }
  }
}

TEST(PrunedDecode, WritesAllLogitsIfTheyAreWanted) {
  Random random(32);
  const TestWeights weights(kPrunedShape, random, Values::normal);
  Engine engine(1, 6000, Rows::normal, random);
  const TestTokens tokens(kPrunedShape, 4 * engine.rows + 1, random, Values::normal);
  TestBatch batch(kPrunedShape);
  batch.add(0, tokens, 4 * engine.rows, 1);
  const Indexer indexer(kPrunedShape, weights.views(), {.executor = make_thread_pool(2)});
  KeyCache keys = engine.cache();
  CompressorState state({.sequences = 1, .slots = 16});
  state.resume(0, 4 * engine.rows);
  Selection picks(kPrunedShape, 1, {.scores = true, .logit_rows = engine.rows});
  const StepReport report = indexer.decode(batch.views(), keys, state, picks);
  EXPECT_EQ(report[Stage::select].skipped_macs, 0);
  const auto rows = picks.rows(0);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(picks.logits(0)[static_cast<std::size_t>(rows[i])], picks.scores(0)[i]);
  }
}

}  // namespace
}  // namespace fulgurite
