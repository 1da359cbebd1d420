#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>

#include "core/aligned_buffer.hpp"
#include "cpu/select.hpp"
#include "every_isa.hpp"
#include "indexer/stages.hpp"

namespace fulgurite::cpu {
namespace {

using Score = EveryIsa;
INSTANTIATE_TEST_SUITE_P(, Score, testing::ValuesIn(machine_kernels()), isa_name);

/// Keys in pages of their own, each allocated to the byte, so that a sanitizer sees every stray
/// read.
struct PagedKeys {
  std::vector<reference::EncodedRow> rows;
  std::vector<std::unique_ptr<std::int8_t[]>> codes;
  std::vector<std::unique_ptr<float[]>> scales;
  std::vector<KeyPage> pages;
  std::int64_t page_rows;

  PagedKeys(std::vector<reference::EncodedRow> keys, std::int64_t rows_per_page)
      : rows(std::move(keys)), page_rows(rows_per_page) {
    for (std::size_t first = 0; first < rows.size(); first += static_cast<std::size_t>(page_rows)) {
      // The last page holds no more rows than there are.
      const std::size_t count = std::min(rows.size() - first, static_cast<std::size_t>(page_rows));
      codes.push_back(std::make_unique<std::int8_t[]>(count * kHeadDim));
      scales.push_back(std::make_unique<float[]>(count));
      for (std::size_t i = 0; i < count; ++i) {
        std::copy(rows[first + i].codes.begin(), rows[first + i].codes.end(),
                  codes.back().get() + i * kHeadDim);
        scales.back()[i] = rows[first + i].scale;
      }
      pages.push_back({codes.back().get(), scales.back().get()});
    }
  }
  [[nodiscard]] KeyTable table() const { return {pages.data(), page_rows}; }
};

/// A query in the definition's form and in the kernels'.
struct Query {
  reference::ScoredQuery reference;
  core::AlignedBuffer<std::byte> words;
  std::vector<std::int32_t> correction;

  Query(const Kernels& kernels, const std::vector<reference::EncodedRow>& heads,
        const std::vector<float>& weights)
      : reference(reference::fold(heads, weights)), correction(heads.size()) {
    std::vector<float> folded(heads.size());
    std::vector<std::int8_t> codes;
    for (std::size_t head = 0; head < heads.size(); ++head) {
      folded[head] = weights[head] * heads[head].scale;
      codes.insert(codes.end(), heads[head].codes.begin(), heads[head].codes.end());
    }
    const std::vector<std::int32_t> order = reference::head_order(folded);
    words = core::AlignedBuffer<std::byte>("words",
                                           static_cast<std::int64_t>(heads.size() * kHeadDim * 2));
    kernels.pack_query(codes.data(), order.data(), static_cast<std::int64_t>(heads.size()),
                       words.data(), correction.data());
  }
  [[nodiscard]] ScoreQuery query() const {
    return {static_cast<std::int64_t>(correction.size()), words.data(), correction.data(),
            reference.weights.data()};
  }
};

reference::EncodedRow draw_row(Draw& draw, bool may_be_nan) {
  reference::EncodedRow row;
  for (std::int8_t& code : row.codes) code = draw.one_in(20) ? std::int8_t{-128} : draw.code();
  row.scale = std::fabs(draw.of_kind(draw.one_in(4) ? draw.kind() : 0));
  if (may_be_nan && draw.one_in(6)) row.scale = std::bit_cast<float>(kNanBits);
  return row;
}

struct ScoreCase {
  Query query;
  PagedKeys keys;
};
ScoreCase draw_case(Draw& draw, const Kernels& kernels, std::int64_t most_rows) {
  const std::int64_t heads = 8 * draw.integer(1, draw.one_in(3) ? 16 : 2);
  const bool may_be_nan = draw.one_in(3);
  const int weight_kind = draw.one_in(3) ? draw.kind() : 0;
  std::vector<reference::EncodedRow> q(static_cast<std::size_t>(heads));
  std::vector<float> weights(q.size());
  for (std::size_t head = 0; head < q.size(); ++head) {
    q[head] = draw_row(draw, may_be_nan && draw.one_in(8));
    weights[head] = draw.of_kind(weight_kind);
    if (may_be_nan && draw.one_in(16)) weights[head] = draw.not_finite();
  }
  std::vector<reference::EncodedRow> rows(static_cast<std::size_t>(draw.integer(1, most_rows)));
  const bool few_values = draw.one_in(4);  // then many scores are equal
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i] = few_values && i > 2 ? rows[i % 3] : draw_row(draw, may_be_nan);
  }
  const std::int64_t page_rows = draw.one_in(2) ? draw.integer(1, 40) : 1LL << draw.integer(0, 8);
  return {Query(kernels, q, weights), PagedKeys(std::move(rows), page_rows)};
}

std::vector<float> reference_scores(const ScoreCase& c) {
  std::vector<float> scores;
  for (const auto& row : c.keys.rows) scores.push_back(reference::score(c.query.reference, row));
  return scores;
}

TEST_P(Score, equals_the_definition_for_any_rows_and_pages) {
  EXPECT_TRUE(rc::check([&](std::uint64_t seed) {
    Draw draw(seed);
    const ScoreCase c = draw_case(draw, kernels(), 150);
    const std::vector<float> expected = reference_scores(c);
    const auto rows = static_cast<std::int64_t>(c.keys.rows.size());
    const std::int64_t first = draw.one_in(2) ? 0 : draw.integer(0, rows);
    const std::int64_t last = draw.one_in(2) ? rows : draw.integer(first, rows);
    std::vector<float> scores(static_cast<std::size_t>(last - first));
    kernels().score(c.query.query(), c.keys.table(), first, last, scores.data());
    RC_ASSERT(bits_of(scores) == bits_of({expected.begin() + first, expected.begin() + last}));
  }));
}

/// A list with memory of its own.
struct List {
  std::vector<float> scores;
  std::vector<std::uint32_t> rows;
  core::AlignedBuffer<std::byte> scratch;
  TopList list;

  explicit List(std::int64_t k)
      : scores(static_cast<std::size_t>(std::max<std::int64_t>(2048, 4 * k) + kListSlack)),
        rows(scores.size()) {
    const std::int64_t capacity = std::max<std::int64_t>(2048, 4 * k);
    scratch = core::AlignedBuffer<std::byte>("scratch", list_scratch_bytes(capacity));
    list = {.k = k,
            .capacity = capacity,
            .count = 0,
            .scores = scores.data(),
            .rows = rows.data(),
            .scratch = scratch.data(),
            .threshold = 0,
            .closed = false,
            .met_nan = false};
  }
  /// The rows that remain, best first.
  std::vector<std::int32_t> take(const Kernels& kernels) {
    kernels.select_top(list);
    kernels.sort_top(list.scores, list.rows, list.count);
    return {rows.begin(), rows.begin() + list.count};
  }
};

TEST_P(Score, selects_what_the_definition_selects_however_the_rows_are_split) {
  EXPECT_TRUE(rc::check([&](std::uint64_t seed) {
    Draw draw(seed);
    const ScoreCase c = draw_case(draw, kernels(), draw.one_in(4) ? 5000 : 300);
    const std::vector<float> expected = reference_scores(c);
    const auto rows = static_cast<std::int64_t>(c.keys.rows.size());
    const std::int64_t k = draw.one_in(3) ? 1 : draw.integer(1, 700);
    List list(k);
    std::vector<float> scores(expected.size());
    const bool wants_scores = draw.one_in(2);
    for (std::int64_t first = 0; first < rows;) {
      const std::int64_t last = draw.one_in(2) ? rows : draw.integer(first, rows);
      kernels().score_select(c.query.query(), c.keys.table(), first, last,
                             wants_scores ? scores.data() + first : nullptr, list.list);
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
  kernels().score_select(c.query.query(), c.keys.table(), 0, 3000, nullptr, list.list);
  EXPECT_TRUE(list.list.met_nan);
  std::vector<std::int32_t> expected(600);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(list.take(kernels()), expected);
}

}  // namespace
}  // namespace fulgurite::cpu
