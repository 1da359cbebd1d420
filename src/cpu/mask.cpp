#include <algorithm>
#include <cstring>

#include "core/checked.hpp"
#include "cpu/step.hpp"
#include "cpu/work.hpp"
#include "fulgurite/selection.hpp"

// Row masks. The rows that a token may select become a table of their own, without the others, in
// the same order: the kernels, pruning and the sharing of rows among lanes need not know of masks.
// The selected rows are then given their true numbers. A page of the table holds the rows that lie
// together both in a page of the cache and in an entry of the mask.

namespace fulgurite::cpu {

/// How many of the visible rows the token may select.
std::int64_t Step::candidates(std::int64_t place, std::int64_t visible) const {
  const std::uint8_t* const mask = &batch_.row_mask(work_.portion.first_selected + place, 0);
  const std::int64_t whole = visible / batch_.mask_rows;
  const std::int64_t rest = visible % batch_.mask_rows;
  const std::int64_t set = whole - std::count(mask, mask + whole, std::uint8_t{0});
  return set * batch_.mask_rows + (rest > 0 && mask[whole] != 0 ? rest : 0);
}

MaskedRows Step::masked_sizes(std::int64_t rows) const {
  return {.rows = rows,
          .pages = core::divide_up(rows, piece_rows_),
          .blocks = core::divide_up(rows, batch_.mask_rows),
          .first_page = 0,
          .first_block = 0};
}

/// Tables of all tokens of a wave at a time.
void Step::measure_masked(const Wave& wave, Extents& most) const {
  std::int64_t pages = 0;
  std::int64_t blocks = 0;
  for (const VisibleRows& token : wave.tokens) {
    const MaskedRows sizes = masked_sizes(token.rows);
    pages += sizes.pages;
    blocks += sizes.blocks;
  }
  most.masked_pages = std::max(most.masked_pages, pages);
  most.masked_blocks = std::max(most.masked_blocks, blocks);
}

/// The same, or one for each lane.
void Step::lay_out_masked(const Extents& most, Carver& carver) {
  const std::int64_t lanes = executor_.threads();
  whole_masked_ = masked_sizes(most.whole_sums);
  carver.take("masked pages", work_.masked_pages,
              std::max(most.masked_pages, lanes * whole_masked_.pages));
  carver.take("masked rows", work_.masked_blocks,
              std::max(most.masked_blocks, lanes * whole_masked_.blocks));
}

void Step::place_table(std::int64_t place, std::int64_t first_page, std::int64_t first_block) {
  MaskedRows& masked = work_.masked[static_cast<std::size_t>(place)];
  masked.first_page = first_page;
  masked.first_block = first_block;
}

/// Fills the token's table, which has its place.
void Step::list_masked_rows(std::int64_t place) {
  const MaskedRows& masked = work_.masked[static_cast<std::size_t>(place)];
  const TokenPlan& plan = selecting(place);
  const KeyPage* const pages =
      work_.pages.data() + work_.first_page[static_cast<std::size_t>(plan.owner)];
  const std::int64_t page_rows = keys_.memory.page_rows;
  const std::uint8_t* const mask = &batch_.row_mask(work_.portion.first_selected + place, 0);
  KeyPage* piece = work_.masked_pages.data() + masked.first_page;
  std::uint32_t* block = work_.masked_blocks.data() + masked.first_block;
  for (std::int64_t entry = 0; entry * batch_.mask_rows < plan.visible; ++entry) {
    if (mask[entry] == 0) continue;
    *block++ = static_cast<std::uint32_t>(entry);
    const std::int64_t first = entry * batch_.mask_rows;
    const std::int64_t last = std::min(first + batch_.mask_rows, plan.visible);
    for (std::int64_t row = first; row < last; row += piece_rows_) {
      const KeyPage& page = pages[row / page_rows];
      const std::int64_t in_page = row % page_rows;
      *piece++ = {page.codes + in_page * keys_.row_bytes,
                  page.scale == nullptr ? nullptr : page.scale + in_page};
    }
  }
}

void Step::list_masked_rows(const Wave& wave) {
  std::int64_t pages = 0;
  std::int64_t blocks = 0;
  for (const VisibleRows& token : wave.tokens) {
    place_table(token.place, pages, blocks);
    const MaskedRows& masked = work_.masked[static_cast<std::size_t>(token.place)];
    pages += masked.pages;
    blocks += masked.blocks;
  }
  for_each_unit(executor_, static_cast<std::int64_t>(wave.tokens.size()),
                [&](int, std::int64_t slot) {
                  list_masked_rows(wave.tokens[static_cast<std::size_t>(slot)].place);
                });
}

KeyTable Step::masked_table(std::int64_t place) const {
  const MaskedRows& masked = work_.masked[static_cast<std::size_t>(place)];
  return {.pages = work_.masked_pages.data() + masked.first_page, .page_rows = piece_rows_};
}

/// Rows of the table become those of the sequence.
void Step::unmask_rows(std::int64_t place, std::int32_t* rows, std::int64_t count) const {
  const MaskedRows& masked = work_.masked[static_cast<std::size_t>(place)];
  const std::uint32_t* const blocks = work_.masked_blocks.data() + masked.first_block;
  const auto width = static_cast<std::int32_t>(batch_.mask_rows);
  for (std::int64_t i = 0; i < count; ++i) {
    rows[i] = static_cast<std::int32_t>(blocks[rows[i] / width]) * width + rows[i] % width;
  }
}

/// [visible] scores, of which the first are those of the table's rows: moved to where they belong,
/// the last first, so that none is lost.
void Step::unmask_logits(std::int64_t place, float* logits) const {
  const MaskedRows& masked = work_.masked[static_cast<std::size_t>(place)];
  const std::int64_t width = batch_.mask_rows;
  std::int64_t end = selecting(place).visible;
  for (std::int64_t block = masked.blocks; block-- > 0;) {
    const std::int64_t first = work_.masked_blocks[masked.first_block + block] * width;
    const std::int64_t count = std::min(width, masked.rows - block * width);
    std::memmove(logits + first, logits + block * width,
                 static_cast<std::size_t>(count) * sizeof(float));
    std::fill(logits + first + count, logits + end, kUnseenScore);
    end = first;
  }
  std::fill(logits, logits + end, kUnseenScore);
}

}  // namespace fulgurite::cpu
