#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <numeric>
#include <optional>
#include <vector>

#include "support/decoders.hpp"

// One sequence, decoded in many ways: whatever the steps, pages, threads and batches, each token
// selects the same rows with the same scores.

namespace fulgurite::testing {

/// A prompt, then decode steps of some tokens each.
struct CutScenario {
  CutScenario(const ModelShape& model_shape, std::int64_t prompt_tokens, std::int64_t steps,
              Random& random, const Recipe& recipe)
      : shape(model_shape),
        prompt(prompt_tokens),
        weights(shape, random, Values::normal, false, recipe),
        accepted([&] {
          std::vector<std::int64_t> counts;
          for (std::int64_t i = 0; i < steps; ++i) counts.push_back(random.integer(1, 3));
          return counts;
        }()),
        tokens(shape, std::accumulate(accepted.begin(), accepted.end(), prompt), random,
               Values::normal),
        drafts(shape, tokens.count + kMostDrafts, random, Values::normal),
        others(shape, kOtherTokens, random, Values::normal) {}

  static constexpr std::int64_t kMostDrafts = 8;
  static constexpr std::int64_t kOtherTokens = 200;

  ModelShape shape;
  std::int64_t prompt;
  TestWeights weights;
  std::vector<std::int64_t> accepted;  ///< tokens that stay of each decode step
  TestTokens tokens;
  TestTokens drafts;  ///< what is guessed wrongly at each position
  TestTokens others;  ///< of the sequences that share the batches
};

/// What a token selects; nothing if it was not asked.
struct CutPicks {
  std::vector<std::int32_t> rows;
  std::vector<float> scores;
  friend bool operator==(const CutPicks&, const CutPicks&) = default;
};
using CutResult = std::vector<std::optional<CutPicks>>;

/// How a scenario is decoded.
struct Cut {
  std::int64_t most_prompt_tokens = 1;  ///< of a step
  bool is_random = false;               ///< steps of random sizes, drafts, companions
  std::int64_t page_rows = 64;
  bool is_engine = false;  ///< pages and state are borrowed
  int threads = 1;
  Isa isa = resolve_isa();
  std::int64_t workspace_bytes = IndexerOptions{}.workspace_bytes;
};

/// Decodes a scenario in sequence 0; sequences 1 and 2 keep it company.
class CutDecoder {
 public:
  CutDecoder(const CutScenario& scenario, const Cut& cut, Random& random)
      : scenario_(scenario),
        cut_(cut),
        random_(random),
        indexer_(scenario.shape, scenario.weights.views(),
                 {.recipe = scenario.weights.recipe,
                  .isa = cut.isa,
                  .executor = make_thread_pool(cut.threads),
                  .workspace_bytes = cut.workspace_bytes}),
        blocks_((scenario.drafts.count / kRatio) / cut.page_rows + 1),
        result_(static_cast<std::size_t>(scenario.tokens.count)) {
    if (cut.is_engine) {
      lend();
    } else {
      keys_.emplace(
          KeyCacheOptions{
              .sequences = kSequences, .pages = kSequences * blocks_, .page_rows = cut.page_rows},
          scenario.weights.recipe);
      state_.emplace(CompressorStateOptions{.sequences = kSequences});
    }
  }

  CutResult run() {
    while (length_ < scenario_.prompt) {
      const std::int64_t most = std::min(cut_.most_prompt_tokens, scenario_.prompt - length_);
      const std::int64_t count = cut_.is_random ? random_.integer(1, most) : most;
      const bool is_quiet = cut_.is_random && random_.chance(4);
      step(scenario_.tokens, count, is_quiet ? random_.integer(0, count) : 0);
      length_ += count;
    }
    for (const std::int64_t count : scenario_.accepted) {
      if (cut_.is_random && random_.chance(2)) {
        guess(count);
      } else {
        step(scenario_.tokens, count, 0);
      }
      length_ += count;
    }
    return result_;
  }

 private:
  static constexpr std::int64_t kSequences = 3;
  static constexpr std::int64_t kSlots = 16;

  /// Pages in any order in memory that is not the library's.
  void lend() {
    const std::int64_t pages = kSequences * blocks_;
    codes_.resize(static_cast<std::size_t>(pages * cut_.page_rows * 512), 77);
    scales_.resize(static_cast<std::size_t>(pages * cut_.page_rows), 77);
    table_.resize(static_cast<std::size_t>(pages));
    std::iota(table_.begin(), table_.end(), 0);
    for (std::size_t i = table_.size(); i > 1; --i) {
      std::swap(table_[i - 1], table_[static_cast<std::size_t>(random_.bits() % i)]);
    }
    kv_.resize(kSequences * kSlots * kStateWidth);
    gate_.resize(kv_.size());
    keys_.emplace(KeyPages{.codes = codes_.data(),
                           .scales = scales_.data(),
                           .pages = pages,
                           .page_rows = cut_.page_rows,
                           .code_stride = cut_.page_rows * 512},
                  TensorView<const std::int32_t, 2>(table_.data(), {kSequences, blocks_}),
                  scenario_.weights.recipe);
    state_.emplace(TensorView<float, 3>(kv_.data(), {kSequences, kSlots, kStateWidth}),
                   TensorView<float, 3>(gate_.data(), {kSequences, kSlots, kStateWidth}));
  }

  /// One step of `count` tokens of sequence 0, and perhaps of its companions.
  void step(const TestTokens& tokens, std::int64_t count, std::int64_t unselected) {
    TestBatch batch(scenario_.shape);
    std::int64_t before = 0;
    bool is_added = false;
    for (std::int64_t other = 1; other < kSequences; ++other) {
      if (!is_added && random_.chance(2)) {
        batch.add(0, tokens, length_, count, unselected);
        is_added = true;
      }
      const std::int64_t brings = bring(batch, other);
      if (!is_added) before += brings;
    }
    if (!is_added) batch.add(0, tokens, length_, count, unselected);
    const DecodeBatch views = batch.views();
    Selection picks(scenario_.shape, views.selected_tokens(), {.scores = true});
    indexer_.decode(views, *keys_, *state_, picks);
    for (std::int64_t i = unselected; i < count; ++i) {
      if (length_ + i >= scenario_.tokens.count) break;  // a draft
      const std::int64_t token = before + i - unselected;
      const auto rows = picks.rows(token);
      const auto scores = picks.scores(token);
      result_[static_cast<std::size_t>(length_ + i)] =
          CutPicks{{rows.begin(), rows.end()}, {scores.begin(), scores.end()}};
    }
  }

  /// A companion's tokens, or its end; how many select.
  std::int64_t bring(TestBatch& batch, std::int64_t other) {
    std::int64_t& length = lengths_[static_cast<std::size_t>(other)];
    if (!cut_.is_random || random_.chance(3)) return 0;
    if (random_.chance(20)) {
      release(*keys_, *state_, other);
      length = 0;
    }
    const std::int64_t count = std::min(random_.integer(0, 9), scenario_.others.count - length);
    batch.add(other, scenario_.others, length, count);
    length += count;
    return count;
  }

  /// The tokens that stay and drafts behind them, which are then taken back.
  void guess(std::int64_t count) {
    const std::int64_t drafts = random_.integer(1, CutScenario::kMostDrafts);
    TestTokens mixed = scenario_.drafts;
    const auto take = [&](auto& to, const auto& from, std::int64_t width) {
      std::copy(from.begin() + length_ * width, from.begin() + (length_ + count) * width,
                to.begin() + length_ * width);
    };
    take(mixed.x, scenario_.tokens.x, scenario_.shape.hidden);
    take(mixed.qr, scenario_.tokens.qr, scenario_.shape.query_rank);
    take(mixed.qr_scale, scenario_.tokens.qr_scale, 1);
    take(mixed.qr_bf16, scenario_.tokens.qr_bf16, scenario_.shape.query_rank);
    step(mixed, count + drafts, 0);
    rewind(*keys_, *state_, 0, length_ + count);
  }

  const CutScenario& scenario_;
  const Cut& cut_;
  Random& random_;
  Indexer indexer_;
  std::int64_t blocks_;
  CutResult result_;
  std::vector<std::int8_t> codes_;
  std::vector<float> scales_, kv_, gate_;
  std::vector<std::int32_t> table_;
  std::optional<KeyCache> keys_;
  std::optional<CompressorState> state_;
  std::int64_t length_ = 0;
  std::array<std::int64_t, kSequences> lengths_{};
};

inline Cut random_cut(Random& random) {
  constexpr std::array<std::int64_t, 6> kPageRows{1, 2, 5, 16, 64, 256};
  constexpr std::array<std::int64_t, 4> kPromptTokens{9, 70, 333, 1000};
  const std::vector<Isa> isas = available_isas();
  const auto any = [&](const auto& values) { return values[random.bits() % values.size()]; };
  return {.most_prompt_tokens = any(kPromptTokens),
          .is_random = true,
          .page_rows = any(kPageRows),
          .is_engine = random.chance(2),
          .threads = random.chance(2) ? 1 : 2,
          .isa = any(isas),
          .workspace_bytes = random.chance(2) ? 20'000 : IndexerOptions{}.workspace_bytes};
}

/// Every random cut gives what tokens one by one give.
inline void expect_cuts_do_not_matter(const CutScenario& scenario, int cuts, Random& random) {
  const Cut one_by_one;
  const CutResult expected = CutDecoder(scenario, one_by_one, random).run();
  for (int i = 0; i < cuts; ++i) {
    const Cut cut = random_cut(random);
    const CutResult found = CutDecoder(scenario, cut, random).run();
    for (std::size_t token = 0; token < expected.size(); ++token) {
      if (!found[token]) continue;
      ASSERT_EQ(expected[token]->rows, found[token]->rows) << "token " << token;
      ASSERT_TRUE(std::ranges::equal(expected[token]->scores, found[token]->scores, same_bits))
          << "token " << token << ", pages of " << cut.page_rows << " rows, " << name(cut.isa);
    }
  }
}

inline constexpr std::array kEveryRecipe{
    "seed-int8", "deepseek", "deepseek-bf16score", "fp8", "fp8-f32scale", "fp8-rot", "exact"};

}  // namespace fulgurite::testing
