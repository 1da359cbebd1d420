#pragma once

#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "../io/files.hpp"
#include "support/decoders.hpp"
#include "support/snapshot.hpp"

// A server's life in small: sequences begin, grow, guess, fork, end, are saved and loaded, in any
// order, with a mistake now and then. Each result is compared with the definition's.

namespace fulgurite::testing {

class Soak {
 public:
  Soak(const Recipe& recipe, Random& random)
      : random_(random),
        shape_{.hidden = 16 * random.integer(1, 3),
               .query_rank = 16 * random.integer(1, 3),
               .heads = 8 * random.integer(1, 2),
               .topk = random.integer(1, 12)},
        slots_(static_cast<int>(random.integer(8, 20))),
        weights_(shape_, random, Values::normal, random.chance(4), recipe),
        reference_(weights_, kSequences, slots_),
        is_engine_(random.chance(2)),
        indexer_(
            shape_, weights_.views(),
            {.recipe = recipe,
             .isa = any(available_isas()),
             .executor = make_thread_pool(random.chance(2) ? 1 : 2),
             .workspace_bytes = random.chance(3) ? 10'000 : IndexerOptions{}.workspace_bytes}) {
    for (int i = 0; i < 2; ++i) pools_.emplace_back(shape_, kMostTokens, random, Values::normal);
    page_rows_ = any(std::array<std::int64_t, 5>{1, 2, 3, 8, 64});
    if (is_engine_) {
      lend();
    } else {
      keys_.emplace(own_pages(), recipe);
      state_.emplace(CompressorStateOptions{.sequences = kSequences, .slots = slots_});
    }
  }

  void run(int operations) {
    for (int i = 0; i < operations && !::testing::Test::HasFailure(); ++i) act();
    for (std::int64_t sequence = 0; sequence < kSequences; ++sequence) {
      EXPECT_EQ(difference(reference_.state(sequence), *keys_, *state_, sequence), "");
      release(*keys_, *state_, sequence);
    }
    EXPECT_EQ(keys_->free_pages(), is_engine_ ? 0 : pages_);
  }

 private:
  static constexpr std::int64_t kSequences = 4;
  static constexpr std::int64_t kMostTokens = 120;

  template <class Values>
  typename Values::value_type any(const Values& values) {
    return values[random_.bits() % values.size()];
  }
  std::int64_t any_sequence() { return random_.integer(0, kSequences - 1); }
  std::int64_t blocks() const { return kMostTokens / kRatio / page_rows_ + 1; }

  /// Fewer pages than all sequences could want.
  KeyCacheOptions own_pages() {
    pages_ = std::max<std::int64_t>(kSequences * blocks() * 2 / 3, 2);
    return {.sequences = kSequences, .pages = pages_, .page_rows = page_rows_};
  }

  void lend() {
    pages_ = kSequences * blocks();
    codes_.resize(static_cast<std::size_t>(pages_ * page_rows_ * 512), 55);
    scales_.resize(static_cast<std::size_t>(pages_ * page_rows_), 55);
    table_.resize(static_cast<std::size_t>(pages_));
    std::iota(table_.rbegin(), table_.rend(), 0);
    kv_.resize(static_cast<std::size_t>(kSequences * slots_ * kStateWidth));
    gate_.resize(kv_.size());
    keys_.emplace(KeyPages{.codes = codes_.data(),
                           .scales = scales_.data(),
                           .pages = pages_,
                           .page_rows = page_rows_,
                           .code_stride = page_rows_ * 512},
                  TensorView<const std::int32_t, 2>(table_.data(), {kSequences, blocks()}),
                  weights_.recipe);
    state_.emplace(TensorView<float, 3>(kv_.data(), {kSequences, slots_, kStateWidth}),
                   TensorView<float, 3>(gate_.data(), {kSequences, slots_, kStateWidth}));
  }

  /// The greatest length that the sequence has had, from which rewinds are counted.
  std::int64_t& furthest(std::int64_t sequence) {
    return furthest_[static_cast<std::size_t>(sequence)];
  }

  void act() {
    switch (random_.integer(0, 11)) {
      case 0:
        return take_back();
      case 1:
        return split();
      case 2:
        return end(any_sequence());
      case 3:
        return restart();
      case 4:
        return mistake();
      default:
        return step();
    }
  }

  /// Calls; after an error everything must be as it was. Whether it was done.
  template <class Call>
  bool is_done(const Call& call, const Selection* picks = nullptr) {
    const Snapshot before(*keys_, *state_, picks);
    try {
      call();
      return true;
    } catch (const Error& error) {
      const std::string why = error.what();
      EXPECT_TRUE(why.find("free page") != why.npos || error.kind() == ErrorKind::unsupported)
          << why;
    }
    EXPECT_EQ(before, Snapshot(*keys_, *state_, picks));
    return false;
  }

  /// Prompts, decodes and idle sequences together.
  TestBatch make_batch() {
    TestBatch batch(shape_);
    for (std::int64_t sequence = 0; sequence < kSequences; ++sequence) {
      if (random_.chance(3)) continue;
      const std::int64_t length = state_->length(sequence);
      const std::int64_t most = random_.chance(6) ? 60 : 6;
      const std::int64_t count = std::min(random_.integer(0, most), kMostTokens - length);
      const std::int64_t unselected = random_.chance(4) ? random_.integer(0, count) : 0;
      batch.add(sequence, any(pools_), length, count, unselected);
    }
    return batch;
  }

  void step() {
    const TestBatch batch = make_batch();
    DecodeBatch views = batch.views();
    views.offset = random_.integer(0, 1000);
    std::vector<std::uint8_t> mask;
    if (random_.chance(4)) {
      for (std::int64_t i = 0; i < views.selected_tokens() * kMostTokens; ++i) {
        mask.push_back(random_.chance(2) ? 1 : 0);
      }
      if (!mask.empty()) views.row_mask = {mask.data(), {views.selected_tokens(), kMostTokens}};
    }
    Selection picks(shape_, views.selected_tokens(),
                    {.scores = true, .logit_rows = random_.chance(2) ? kMostTokens / kRatio : 0});
    StepReport report;
    if (!is_done([&] { report = indexer_.decode(views, *keys_, *state_, picks); }, &picks)) return;
    EXPECT_LT(report.workspace_bytes, 2'000'000 * indexer_.threads());
    EXPECT_EQ(difference(reference_.decode(views), picks, views.offset), "");
    for (const SequenceTokens& entry : views.sequences) {
      const std::int64_t length = entry.position + entry.tokens;
      EXPECT_EQ(state_->length(entry.sequence), length);
      furthest(entry.sequence) = std::max(furthest(entry.sequence), length);
    }
  }

  void take_back() {
    const std::int64_t sequence = any_sequence();
    const std::int64_t now = state_->length(sequence);
    const std::int64_t length =
        std::max<std::int64_t>(now - random_.integer(0, state_->rewind_depth() + 3), 0);
    if (!is_done([&] { rewind(*keys_, *state_, sequence, length); })) {
      EXPECT_TRUE(!is_engine_ || furthest(sequence) - length > state_->rewind_depth());
      return;
    }
    reference_.state(sequence).rows.resize(static_cast<std::size_t>(length / kRatio));
  }

  void split() {
    const std::int64_t from = any_sequence();
    const std::int64_t to = any_sequence();
    if (is_engine_ || from == to) return;
    end(to);
    if (!is_done([&] { fork(*keys_, *state_, from, to); })) return;
    reference_.state(to) = reference_.state(from);
    furthest(to) = furthest(from);
  }

  void end(std::int64_t sequence) {
    release(*keys_, *state_, sequence);
    reference_.state(sequence).rows.clear();
    furthest(sequence) = 0;
  }

  /// Saves, and goes on from the file in pages of another size.
  void restart() {
    if (is_engine_) return;
    const io::test::TemporaryFolder folder;
    const std::string path = (folder / "saved.safetensors").string();
    save_state(path, *keys_, *state_);
    page_rows_ = any(std::array<std::int64_t, 4>{1, 3, 8, 64});
    const std::int64_t pages = pages_;
    KeyCache keys(own_pages(), weights_.recipe);
    CompressorState state({.sequences = kSequences, .slots = slots_});
    try {
      load_state(path, keys, state);
    } catch (const Error& error) {  // what forks shared must lie there twice
      EXPECT_NE(std::string(error.what()).find("free pages"), std::string::npos) << error.what();
      page_rows_ = keys_->page_rows();
      pages_ = pages;
      return;
    }
    std::swap(*keys_, keys);
    std::swap(*state_, state);
  }

  /// Something that must be refused.
  void mistake() {
    const std::int64_t sequence = any_sequence();
    const std::int64_t length = state_->length(sequence);
    TestBatch batch(shape_);
    batch.add(sequence, pools_[0], std::min(length, kMostTokens - 8), 8);
    DecodeBatch views = batch.views();
    SequenceTokens& entry = views.sequences[0];
    std::int32_t* block = nullptr;
    switch (random_.integer(0, 4)) {
      case 0:
        entry.position = length + (random_.chance(2) ? 1 : -1);
        break;
      case 1:
        entry.sequence = any(std::array<std::int64_t, 3>{-1, kSequences, std::int64_t{1} << 40});
        break;
      case 2:
        entry.unselected = any(std::array<std::int64_t, 2>{-1, 9});
        break;
      case 3:
        views.sequences.push_back({.sequence = sequence, .position = length, .tokens = 0});
        break;
      default:
        if (!is_engine_ || length > kMostTokens - 8 || length == 0) return;
        block = &table_[static_cast<std::size_t>(sequence * blocks())];
    }
    const std::int32_t page = block == nullptr ? 0 : *block;
    if (block != nullptr) *block = any(std::array<std::int32_t, 2>{-1, static_cast<int>(pages_)});
    Selection picks(shape_, 8);
    const Snapshot before(*keys_, *state_, &picks);
    EXPECT_THROW(indexer_.decode(views, *keys_, *state_, picks), Error);
    EXPECT_EQ(before, Snapshot(*keys_, *state_, &picks));
    if (block != nullptr) *block = page;
  }

  Random& random_;
  ModelShape shape_;
  int slots_;
  TestWeights weights_;
  ReferenceDecoder reference_;
  bool is_engine_;
  Indexer indexer_;
  std::vector<TestTokens> pools_;
  std::int64_t page_rows_ = 1;
  std::int64_t pages_ = 0;
  std::array<std::int64_t, kSequences> furthest_{};
  std::vector<std::int8_t> codes_;
  std::vector<float> scales_, kv_, gate_;
  std::vector<std::int32_t> table_;
  std::optional<KeyCache> keys_;
  std::optional<CompressorState> state_;
};

/// Lives of so many operations for every recipe, again and again. What is allocated does not grow
/// from one round to the next.
inline void soak(int rounds, int operations) {
  constexpr std::array kRecipes{
      "seed-int8", "deepseek", "deepseek-bf16score", "fp8", "fp8-f32scale", "fp8-rot", "exact"};
  Random random(91);
  std::size_t held = 0;
  for (int round = 0; round < rounds && !::testing::Test::HasFailure(); ++round) {
    for (const char* recipe : kRecipes) Soak(Recipe::named(recipe), random).run(operations);
    const std::size_t now = ::mallinfo2().uordblks;
    if (round == 0) held = now;
    EXPECT_LE(now, held + 100'000) << "after round " << round;
  }
}

}  // namespace fulgurite::testing
