#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "core/aligned_buffer.hpp"
#include "cpu/select.hpp"
#include "every_isa.hpp"
#include "indexer/stages.hpp"

// Queries, rows and lists for the tests of the score kernels.

namespace fulgurite::cpu {

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

inline reference::EncodedRow draw_row(Draw& draw, bool may_be_nan) {
  reference::EncodedRow row;
  for (std::int8_t& code : row.codes) code = draw.one_in(20) ? std::int8_t{-128} : draw.code();
  row.scale = std::fabs(draw.of_kind(draw.one_in(4) ? draw.kind() : 0));
  if (may_be_nan && draw.one_in(6)) row.scale = std::bit_cast<float>(kNanBits);
  return row;
}

inline std::vector<float> reference_scores(const Query& query, const PagedKeys& keys) {
  std::vector<float> scores;
  for (const auto& row : keys.rows) scores.push_back(reference::score(query.reference, row));
  return scores;
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

}  // namespace fulgurite::cpu
