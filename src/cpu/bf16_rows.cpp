#include <algorithm>

#include "core/checked.hpp"
#include "cpu/packed_row.hpp"
#include "cpu/step.hpp"

// Scores of rows that a cache holds as bf16. A lane quantises some of them into memory of its own,
// in the recipe's format, scores them, and goes on with the next. All pages of its table are that
// memory, so rows keep their numbers.

namespace fulgurite::cpu {
namespace {

constexpr std::int64_t kStagedRows = 256;

}  // namespace

void Step::lay_out_staged(std::int64_t most_rows, Carver& carver) {
  const std::int64_t lanes = executor_.threads();
  const std::int64_t bytes = code_bytes(indexer_.recipe.row_format);
  staged_pages_ = core::divide_up(most_rows, kStagedRows);
  carver.take("quantised rows", work_.staged_codes, lanes * kStagedRows * bytes);
  carver.take("quantised rows", work_.staged_scales, lanes * kStagedRows);
  carver.take("quantised rows", work_.staged_pages, lanes * staged_pages_);
}

void Step::list_staged_pages() const {
  const std::int64_t bytes = code_bytes(indexer_.recipe.row_format);
  for (std::int64_t lane = 0; lane < executor_.threads(); ++lane) {
    const KeyPage page{work_.staged_codes.data() + lane * kStagedRows * bytes,
                       work_.staged_scales.data() + lane * kStagedRows};
    std::fill_n(work_.staged_pages.data() + lane * staged_pages_, staged_pages_, page);
  }
}

/// Rows first..last of one staged page.
void Step::stage_rows(const KeyTable& keys, std::int64_t first, std::int64_t last,
                      std::int64_t lane) const {
  for (std::int64_t row = first; row < last;) {
    const std::int64_t in_page = row % keys.page_rows;
    const std::int64_t count = std::min(last - row, keys.page_rows - in_page);
    const auto* const rows =
        reinterpret_cast<const std::uint16_t*>(keys.pages[row / keys.page_rows].codes);
    stage_run(rows + in_page * kHeadDim, count, row % kStagedRows, lane);
    row += count;
  }
}

void Step::stage_run(const std::uint16_t* rows, std::int64_t count, std::int64_t first_staged,
                     std::int64_t lane) const {
  const Recipe& recipe = indexer_.recipe;
  const std::int64_t bytes = code_bytes(recipe.row_format);
  const std::int64_t first = lane * kStagedRows + first_staged;
  std::int8_t* const codes = work_.staged_codes.data() + first * bytes;
  float* const scales = work_.staged_scales.data() + first;
  if (has_int8_rows()) {
    kernels_.quantize_rows({.count = count, .rows = rows, .codes = codes, .scale = scales});
    return;
  }
  for (std::int64_t i = 0; i < count; ++i) {
    reference::Row row;
    std::transform(rows + i * kHeadDim, rows + (i + 1) * kHeadDim, row.begin(),
                   [](std::uint16_t bits) { return to_float(Bf16{bits}); });
    pack_row(recipe.row_format, reference::quantize(recipe, row), codes + i * bytes, scales + i);
  }
}

void Step::score_bf16_rows(const TokenRows& rows, std::int64_t first, std::int64_t last,
                           TopList& list, std::int64_t lane) const {
  TokenRows staged = rows;
  staged.keys = {.pages = work_.staged_pages.data() + lane * staged_pages_,
                 .page_rows = kStagedRows};
  for (std::int64_t row = first; row < last;) {
    const std::int64_t end = std::min(last, (row / kStagedRows + 1) * kStagedRows);
    stage_rows(rows.keys, row, end, lane);
    score_stored(staged, row, end, list);
    row = end;
  }
}

}  // namespace fulgurite::cpu
