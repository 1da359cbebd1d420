#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "every_isa.hpp"
#include "scored_rows.hpp"

namespace fulgurite::cpu {
namespace {

using Score = EveryIsa;
INSTANTIATE_TEST_SUITE_P(, Score, testing::ValuesIn(machine_kernels()), isa_name);

struct ScoreCase {
  Query query;
  PagedKeys keys;
};
Query draw_query(Draw& draw, const Kernels& kernels, std::int64_t heads, bool may_be_nan) {
  const int weight_kind = draw.one_in(3) ? draw.kind() : 0;
  std::vector<reference::EncodedRow> q(static_cast<std::size_t>(heads));
  std::vector<float> weights(q.size());
  for (std::size_t head = 0; head < q.size(); ++head) {
    q[head] = draw_row(draw, may_be_nan && draw.one_in(8));
    weights[head] = draw.of_kind(weight_kind);
    if (may_be_nan && draw.one_in(16)) weights[head] = draw.not_finite();
  }
  return {kernels, q, weights};
}
ScoreCase draw_case(Draw& draw, const Kernels& kernels, std::int64_t most_rows) {
  const std::int64_t heads = 8 * draw.integer(1, draw.one_in(3) ? 16 : 2);
  const bool may_be_nan = draw.one_in(3);
  Query query = draw_query(draw, kernels, heads, may_be_nan);
  std::vector<reference::EncodedRow> rows(static_cast<std::size_t>(draw.integer(1, most_rows)));
  const bool few_values = draw.one_in(4);  // then many scores are equal
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i] = few_values && i > 2 ? rows[i % 3] : draw_row(draw, may_be_nan);
  }
  const std::int64_t page_rows = draw.one_in(2) ? draw.integer(1, 40) : 1LL << draw.integer(0, 8);
  return {std::move(query), PagedKeys(std::move(rows), page_rows)};
}

TEST_P(Score, equals_the_definition_for_any_rows_and_pages) {
  EXPECT_TRUE(rc::check([&](std::uint64_t seed) {
    Draw draw(seed);
    const ScoreCase c = draw_case(draw, kernels(), 150);
    const std::vector<float> expected = reference_scores(c.query, c.keys);
    const auto rows = static_cast<std::int64_t>(c.keys.rows.size());
    const std::int64_t first = draw.one_in(2) ? 0 : draw.integer(0, rows);
    const std::int64_t last = draw.one_in(2) ? rows : draw.integer(first, rows);
    std::vector<float> scores(static_cast<std::size_t>(last - first));
    kernels().score(c.query.query(), c.keys.table(), first, last, scores.data());
    RC_ASSERT(bits_of(scores) == bits_of({expected.begin() + first, expected.begin() + last}));
  }));
}

TEST_P(Score, selects_what_the_definition_selects_however_the_rows_are_split) {
  EXPECT_TRUE(rc::check([&](std::uint64_t seed) {
    Draw draw(seed);
    const ScoreCase c = draw_case(draw, kernels(), draw.one_in(4) ? 5000 : 300);
    const std::vector<float> expected = reference_scores(c.query, c.keys);
    const auto rows = static_cast<std::int64_t>(c.keys.rows.size());
    const std::int64_t k = draw.one_in(3) ? 1 : draw.integer(1, 700);
    List list(k);
    std::vector<float> scores(expected.size());
    const bool wants_scores = draw.one_in(2);
    for (std::int64_t first = 0; first < rows;) {
      const std::int64_t last = draw.one_in(2) ? rows : draw.integer(first, rows);
      const ScoreTask task{.query = c.query.query(),
                           .last = last,
                           .out = wants_scores ? scores.data() + first : nullptr,
                           .list = &list.list};
      kernels().score_select(&task, 1, c.keys.table(), first);
      first = last;
      if (draw.one_in(4)) kernels().select_top(list.list);
    }
    RC_ASSERT(list.list.met_nan ==
              std::any_of(expected.begin(), expected.end(), [](float x) { return is_nan(x); }));
    RC_ASSERT(list.take(kernels()) == reference::select(expected, k));
    for (std::int64_t i = 0; i < list.list.count; ++i) {
      const auto at = static_cast<std::size_t>(i);
      const float score = expected[list.rows[at]];
      const float shown = is_nan(score) ? -INFINITY : score + 0.0F;
      RC_ASSERT(bits_of({list.scores[at]}) == bits_of({shown}));
    }
    if (wants_scores) RC_ASSERT(bits_of(scores) == bits_of(expected));
  }));
}

TEST_P(Score, selects_for_tokens_together_what_it_selects_for_each) {
  EXPECT_TRUE(rc::check([&](std::uint64_t seed) {
    Draw draw(seed);
    const std::int64_t most_rows = draw.one_in(4) ? 5000 : 300;
    ScoreCase c = draw_case(draw, kernels(), most_rows);
    const auto rows = static_cast<std::int64_t>(c.keys.rows.size());
    const std::int64_t k = draw.one_in(3) ? 1 : draw.integer(1, 700);
    const auto heads = static_cast<std::int64_t>(c.query.correction.size());
    std::vector<Query> queries;
    queries.push_back(std::move(c.query));
    const std::int64_t count = draw.integer(1, kMostTogether);
    while (static_cast<std::int64_t>(queries.size()) < count) {
      queries.push_back(draw_query(draw, kernels(), heads, draw.one_in(3)));
    }
    std::vector<List> lists;
    std::vector<std::vector<float>> scores;
    std::vector<ScoreTask> tasks;
    for (std::int64_t i = 0; i < count; ++i) {
      lists.emplace_back(k);
      scores.emplace_back(static_cast<std::size_t>(rows), -1.0F);
    }
    for (std::size_t i = 0; i < lists.size(); ++i) {
      tasks.push_back({.query = queries[i].query(),
                       .last = draw.one_in(2) ? rows : draw.integer(0, rows),
                       .out = draw.one_in(2) ? scores[i].data() : nullptr,
                       .list = &lists[i].list});
    }
    kernels().score_select(tasks.data(), count, c.keys.table(), 0);
    for (std::size_t i = 0; i < lists.size(); ++i) {
      std::vector<float> expected = reference_scores(queries[i], c.keys);
      expected.resize(static_cast<std::size_t>(tasks[i].last));
      RC_ASSERT(lists[i].take(kernels()) == reference::select(expected, k));
      expected.resize(scores[i].size(), -1.0F);
      if (tasks[i].out != nullptr) RC_ASSERT(bits_of(scores[i]) == bits_of(expected));
    }
  }));
}

TEST_P(Score, lets_rows_of_minus_infinity_through_when_k_needs_them) {
  std::vector<reference::EncodedRow> q(8);
  for (auto& head : q) {
    head.codes.fill(1);
    head.scale = 1;
  }
  const std::vector<float> weights(8, -INFINITY);
  std::vector<reference::EncodedRow> rows(3000);
  for (auto& row : rows) {
    row.codes.fill(1);
    row.scale = 1;
  }
  rows[2999].codes.fill(-1);  // 0 * -inf: NaN, which ranks like the others
  const ScoreCase c{Query(kernels(), q, weights), PagedKeys(rows, 64)};
  List list(600);
  const ScoreTask task{.query = c.query.query(), .last = 3000, .out = nullptr, .list = &list.list};
  kernels().score_select(&task, 1, c.keys.table(), 0);
  EXPECT_TRUE(list.list.met_nan);
  std::vector<std::int32_t> expected(600);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(list.take(kernels()), expected);
}

}  // namespace
}  // namespace fulgurite::cpu
