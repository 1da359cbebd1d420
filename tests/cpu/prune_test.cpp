#include "cpu/prune.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/checked.hpp"
#include "every_isa.hpp"
#include "scored_rows.hpp"

namespace fulgurite::cpu {
namespace {

using Prune = EveryIsa;
INSTANTIATE_TEST_SUITE_P(, Prune, testing::ValuesIn(machine_kernels()), isa_name);

constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct PruneCase {
  Query query;
  PagedKeys keys;
  std::int64_t split;
};

/// Weights of mixed signs, all negative, or hardly any; never so large that pruning is forbidden.
std::vector<float> draw_weights(Draw& draw, std::size_t heads) {
  const int kind = draw.one_in(3) ? draw.kind() : 0;
  const std::int64_t sign = draw.integer(0, 3);
  std::vector<float> weights(heads);
  for (float& weight : weights) {
    weight = draw.of_kind(kind);
    if (!(std::fabs(weight) <= 0x1p90F)) weight = std::copysign(0x1p90F, weight);
    if (sign == 0) weight = -std::fabs(weight);
    if (sign == 1 && !draw.one_in(6)) weight = std::fabs(weight);
  }
  weights.back() = -1;  // somewhere the second part must begin
  return weights;
}

/// Scales that leave a row without a bound, now and then.
float draw_scale(Draw& draw) {
  switch (draw.integer(0, 5)) {
    case 0:
      return std::bit_cast<float>(kNanBits);
    case 1:
      return kInfinity;
    case 2:
      return -std::fabs(draw.normal());
    case 3:
      return draw.one_in(2) ? 0.0F : -0.0F;
    default:
      return std::fabs(draw.of_kind(draw.kind()));
  }
}

PruneCase draw_prune_case(Draw& draw, const Kernels& kernels, std::int64_t most_rows) {
  const auto heads = static_cast<std::size_t>(8 * draw.integer(1, draw.one_in(3) ? 16 : 3));
  std::vector<reference::EncodedRow> q(heads);
  for (auto& head : q) {
    head = draw_row(draw, false);
    head.scale = std::min(head.scale, 8.F);
  }
  q.back().scale = 1;
  const std::vector<float> weights = draw_weights(draw, heads);
  std::vector<reference::EncodedRow> rows(static_cast<std::size_t>(draw.integer(1, most_rows)));
  const bool few_values = draw.one_in(4);  // then many scores are equal
  const bool odd_scales = draw.one_in(3);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i] = few_values && i > 2 ? rows[i % 3] : draw_row(draw, false);
    if (odd_scales && draw.one_in(8)) rows[i].scale = draw_scale(draw);
  }
  const std::int64_t page_rows = draw.one_in(2) ? draw.integer(1, 40) : 1LL << draw.integer(0, 8);
  PruneCase c{Query(kernels, q, weights), PagedKeys(std::move(rows), page_rows), 0};
  const auto& folded = c.query.reference.weights;
  const auto front = std::find_if(folded.begin(), folded.end(), [](float x) { return x < 0; });
  const std::int64_t least = std::max<std::int64_t>(
      4, core::round_up(static_cast<std::int64_t>(front - folded.begin()), 4));
  const auto most = static_cast<std::int64_t>(heads) - 4;
  c.split = least > most ? 0 : 4 * draw.integer(least / 4, most / 4);
  return c;
}

/// A guess: right, too high, too low or absurd.
float draw_threshold(Draw& draw, std::vector<float> scores, std::int64_t k) {
  for (float& score : scores) score = is_nan(score) ? -kInfinity : score;
  std::sort(scores.begin(), scores.end(), std::greater<>());
  const auto most = static_cast<std::int64_t>(scores.size()) - 1;
  switch (draw.integer(0, 3)) {
    case 0:
      return scores[static_cast<std::size_t>(std::min(k, most))];
    case 1:
      return scores[static_cast<std::size_t>(draw.integer(0, most))];
    case 2:
      return draw.one_in(2) ? std::numeric_limits<float>::max() : -kInfinity;
    default:
      return std::nextafter(scores[static_cast<std::size_t>(draw.integer(0, most))], -kInfinity);
  }
}

/// As a step selects: rows in parts that share a guess, then once more if too few were above it.
struct PrunedSelection {
  const Kernels& kernels;
  const PruneCase& c;
  std::int64_t k;
  float threshold;
  bool met_nan = false;
  std::int64_t finished = 0;

  TopList& select(List& list, std::int64_t first, std::int64_t last, std::vector<float>& sums,
                  bool again) {
    PrunedRows rows{.split = c.split,
                    .most_candidates = most_candidates(k),
                    .sums = sums.data() + first,
                    .finished = 0};
    list.list.threshold = threshold;
    list.list.closed = true;
    const auto run = again ? kernels.reselect_pruned : kernels.score_select_pruned;
    run(c.query.query(), c.keys.table(), first, last, rows, list.list);
    kernels.select_top(list.list);
    met_nan = met_nan || list.list.met_nan;
    finished += rows.finished;
    return list.list;
  }

  std::vector<std::int32_t> rows(std::int64_t part_rows) {
    const auto count = static_cast<std::int64_t>(c.keys.rows.size());
    std::vector<float> sums(static_cast<std::size_t>(core::round_up(count, 32)) + 32);
    std::vector<List> parts;
    std::int64_t found = 0;
    for (std::int64_t first = 0; first < count; first += part_rows) {
      parts.emplace_back(k);
      found += select(parts.back(), first, std::min(first + part_rows, count), sums, false).count;
    }
    List all(k * static_cast<std::int64_t>(parts.size()));
    for (std::size_t part = 0; part < parts.size(); ++part) {
      const std::int64_t first = static_cast<std::int64_t>(part) * part_rows;
      if (found < std::min(k, count)) {
        select(parts[part], first, std::min(first + part_rows, count), sums, true);
      }
      const TopList& list = parts[part].list;
      std::copy_n(list.scores, list.count, all.list.scores + all.list.count);
      std::copy_n(list.rows, list.count, all.list.rows + all.list.count);
      all.list.count += list.count;
    }
    all.list.k = k;
    return all.take(kernels);
  }
};

TEST_P(Prune, selects_what_the_definition_selects_whatever_is_guessed) {
  EXPECT_TRUE(rc::check([&](std::uint64_t seed) {
    Draw draw(seed);
    const PruneCase c = draw_prune_case(draw, kernels(), draw.one_in(4) ? 3000 : 300);
    if (c.split == 0) return;
    const std::vector<float> expected = reference_scores(c.query, c.keys);
    const std::int64_t k = draw.one_in(3) ? draw.integer(1, 3) : draw.integer(1, 400);
    PrunedSelection selection{kernels(), c, k, draw_threshold(draw, expected, k)};
    const std::int64_t part_rows = draw.one_in(2) ? 4096 : 32 * draw.integer(1, 20);
    RC_ASSERT(selection.rows(part_rows) == reference::select(expected, k));
    RC_ASSERT(selection.met_nan ==
              std::any_of(expected.begin(), expected.end(), [](float x) { return is_nan(x); }));
  }));
}

/// Plain values; half the weights are negative, and small.
PruneCase plain_case(Draw& draw, const Kernels& kernels, std::int64_t count) {
  std::vector<reference::EncodedRow> q(64);
  std::vector<float> weights;
  for (std::size_t head = 0; head < q.size(); ++head) {
    for (std::int8_t& code : q[head].codes) code = draw.code();
    q[head].scale = 1;
    weights.push_back(head % 2 == 0 ? 1.F : -0.25F);
  }
  std::vector<reference::EncodedRow> rows(static_cast<std::size_t>(count));
  for (auto& row : rows) {
    for (std::int8_t& code : row.codes) code = draw.code();
    row.scale = 1;
  }
  return {Query(kernels, q, weights), PagedKeys(std::move(rows), 64), 32};
}

TEST_P(Prune, spares_most_rows_their_last_heads_and_finishes_only_the_rest) {
  Draw draw(1);
  const PruneCase c = plain_case(draw, kernels(), 2000);
  std::vector<float> scores = reference_scores(c.query, c.keys);
  std::vector<float> sorted = scores;
  std::sort(sorted.begin(), sorted.end(), std::greater<>());
  PrunedSelection selection{kernels(), c, 10, sorted[20]};
  EXPECT_EQ(selection.rows(4096), reference::select(scores, 10));
  EXPECT_GT(selection.finished, 10);
  EXPECT_LT(selection.finished, 1000);
}

TEST_P(Prune, lets_a_row_that_waits_win_a_tie_with_later_ones_that_do_not) {
  Draw draw(3);
  PruneCase c = plain_case(draw, kernels(), 256);
  for (std::size_t i = 0; i < c.keys.rows.size(); ++i) {  // rows 5 and 32.. tie; the others are low
    c.keys.rows[i] = c.keys.rows[5];
    if (i < 32 && i != 5) c.keys.rows[i].codes.fill(0);
  }
  const float best = reference::score(c.query.reference, c.keys.rows[5]);
  ASSERT_GT(best, 0);
  const PruneCase ties{std::move(c.query), PagedKeys(c.keys.rows, 64), c.split};
  PrunedSelection selection{kernels(), ties, 10, std::nextafter(best, 0.F)};
  std::vector<std::int32_t> expected{5};
  for (std::int32_t row = 32; row < 41; ++row) expected.push_back(row);
  EXPECT_EQ(selection.rows(4096), expected);
}

TEST_P(Prune, samples_the_bounds_after_every_fourth_head) {
  Draw draw(2);
  const PruneCase c = plain_case(draw, kernels(), 4000);
  const std::int64_t sampled = sample_size(4000);
  std::vector<std::uint32_t> rows(static_cast<std::size_t>(sampled));
  sample_rows(4000, 0, sampled, rows.data());
  EXPECT_TRUE(std::is_sorted(rows.begin(), rows.end()));
  std::vector<float> bounds(16 * kMostSampled);
  kernels().score_sample(c.query.query(), c.keys.table(), rows.data(), sampled, kMostSampled,
                         bounds.data());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    ASSERT_LT(rows[i], 4000U);
    for (std::size_t four = 0; four < 16; ++four) {
      reference::ScoredQuery front = c.query.reference;
      front.heads.resize(4 * (four + 1));
      front.weights.resize(4 * (four + 1));
      EXPECT_EQ(bounds[four * kMostSampled + i], reference::score(front, c.keys.rows[rows[i]]));
    }
  }
  std::vector<float> scratch(kMostSampled);
  std::vector<std::uint32_t> scratch_rows(kMostSampled);
  const PruneGuess guess = guess_pruning(kernels(), c.query.query(), bounds.data(), 4000, 10,
                                         scratch.data(), scratch_rows.data());
  EXPECT_EQ(guess.sampled, sampled);
  EXPECT_GE(guess.split, 32);
  EXPECT_LT(guess.split, 60);
  const std::vector<float> scores = reference_scores(c.query, c.keys);
  EXPECT_GE(std::ranges::count_if(scores, [&](float x) { return x > guess.threshold; }), 10);
}

TEST(MayPrune, NeedsEnoughRowsEnoughNegativeWeightsAndOrdinaryOnes) {
  std::vector<float> weights(64, -1.F);
  std::fill_n(weights.begin(), 32, 1.F);
  const ScoreQuery query{
      .heads = 64, .words = nullptr, .correction = nullptr, .weight = weights.data()};
  EXPECT_TRUE(may_prune(query, 8192, 512));
  EXPECT_FALSE(may_prune(query, 2048, 512));
  EXPECT_FALSE(may_prune(query, 1024, 1));
  for (const float odd : {-kInfinity, -0x1p97F}) {
    weights[40] = odd;
    EXPECT_FALSE(may_prune(query, 8192, 512)) << odd;
    weights[40] = -1;
  }
  weights[0] = std::bit_cast<float>(kNanBits);
  EXPECT_FALSE(may_prune(query, 8192, 512));
  std::fill_n(weights.begin(), 60, 1.F);
  EXPECT_FALSE(may_prune(query, 8192, 512));
}

}  // namespace
}  // namespace fulgurite::cpu
