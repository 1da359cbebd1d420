#include <algorithm>

#include "cpu/step.hpp"
#include "cpu/step_access.hpp"
#include "cpu/work.hpp"

namespace fulgurite::cpu {
namespace {

KeyFormat key_format(RowFormat format) {
  switch (format) {
    case RowFormat::e2m1:
      return KeyFormat::e2m1;
    case RowFormat::e4m3:
      return KeyFormat::e4m3;
    case RowFormat::fp32:
      return KeyFormat::fp32;
    case RowFormat::int8:
      break;
  }
  return KeyFormat::int8;
}

}  // namespace

void Step::list_pages() {
  if (has_bf16_rows()) list_staged_pages();
  std::int64_t pages = 0;
  work_.first_page.clear();
  for (const SequencePlan& sequence : work_.plan.sequences) {
    work_.first_page.push_back(pages);
    if (sequence.selected == 0) continue;
    pages += keys_.list_pages(sequence.sequence, sequence.rows, work_.pages.data() + pages);
  }
}

void Step::select() {
  order_selecting();
  share_rows(
      work_.order, executor_.threads(), shape_.topk,
      [&](const Wave& wave) {
        select_wave(wave);
        report_selection();
      },
      [&](std::span<const VisibleRows> tokens) {
        select_wholes(tokens);
        report_selection();
      });
}

/// What came of the units.
void Step::report_selection() {
  StageReport& report = stage(Stage::select);
  std::int64_t counted = -1;
  for (std::size_t unit = 0; unit < work_.units.size(); ++unit) {
    const ScoreUnit& rows = work_.units[unit];
    const ScoredUnit& scored = work_.scored[unit];
    const PruneGuess& guess = work_.guesses[static_cast<std::size_t>(rows.place)];
    const std::int64_t count = rows.last_row - rows.first_row;
    (has_int8_rows() ? report.int8_macs : report.bf16_macs) += count * shape_.heads * kHeadDim;
    report.bytes += count * (keys_.row_bytes + static_cast<int>(sizeof(float)));
    if (guess.split != 0) {
      report.skipped_macs += (count - scored.finished) * (shape_.heads - guess.split) * kHeadDim;
    }
    if (rows.first_row == 0) report.skipped_macs -= guess.sampled * shape_.heads * kHeadDim;
    if (!scored.met_nan || rows.place == counted) continue;
    counted = rows.place;
    ++report_.tokens_with_nan;
  }
}

Step::TokenRows Step::token_rows(std::int64_t place) {
  const TokenPlan& plan = selecting(place);
  const std::int64_t count =
      is_masked() ? work_.masked[static_cast<std::size_t>(place)].rows : plan.visible;
  return {.query = {.heads = shape_.heads,
                    .words = heads(place),
                    .correction = work_.correction.data() + place * shape_.heads,
                    .weight = work_.folded.data() + place * shape_.heads},
          .values = {.format = key_format(indexer_.recipe.row_format),
                     .bf16_sums = indexer_.recipe.score == Rounding::bf16,
                     .heads = shape_.heads,
                     .rows = heads(place),
                     .weight = work_.folded.data() + place * shape_.heads},
          .keys = is_masked()
                      ? masked_table(place)
                      : KeyTable{.pages = work_.pages.data() +
                                          work_.first_page[static_cast<std::size_t>(plan.owner)],
                                 .page_rows = keys_.memory.page_rows},
          .count = count,
          .places = places_of(count),
          .logits = StepAccess::logits(picks_, work_.portion.first_selected + place)};
}

/// Offers rows first..last to the list, which has places.
void Step::score_rows(const TokenRows& rows, std::int64_t first, std::int64_t last, TopList& list,
                      std::int64_t lane) const {
  if (has_bf16_rows()) {
    score_bf16_rows(rows, first, last, list, lane);
  } else {
    score_stored(rows, first, last, list);
  }
}

/// The same, of rows in the recipe's format.
void Step::score_stored(const TokenRows& rows, std::int64_t first, std::int64_t last,
                        TopList& list) const {
  float* const logits = rows.logits != nullptr ? rows.logits + first : nullptr;
  if (has_int8_rows()) {
    const ScoreTask task{.query = rows.query, .last = last, .out = logits, .list = &list};
    kernels_.score_select(&task, 1, rows.keys, first);
  } else {
    kernels_.score_values(rows.values, rows.keys, first, last, logits, list);
  }
}

void Step::write_selection(std::int64_t place, const TopList& list) {
  const std::int64_t token = work_.portion.first_selected + place;
  kernels_.sort_top(list.scores, list.rows, list.count);
  std::int32_t* indices = StepAccess::indices(picks_, token);
  std::transform(list.rows, list.rows + list.count, indices,
                 [](std::uint32_t row) { return static_cast<std::int32_t>(row); });
  if (is_masked()) unmask_rows(place, indices, list.count);
  const auto offset = static_cast<std::int32_t>(batch_.offset);
  for (std::int64_t i = 0; i < list.count; ++i) indices[i] += offset;
  std::fill(indices + list.count, indices + picks_.width(), kNoRow);
  if (float* scores = StepAccess::scores(picks_, token); scores != nullptr) {
    std::copy_n(list.scores, list.count, scores);
    std::fill(scores + list.count, scores + picks_.width(), kUnseenScore);
  }
  if (float* logits = StepAccess::logits(picks_, token); logits != nullptr) {
    if (is_masked()) unmask_logits(place, logits);
    const std::int64_t visible = selecting(place).visible;
    std::fill(logits + visible, logits + picks_.logit_rows(), kUnseenScore);
  }
  StepAccess::set_count(picks_, token, list.count);
}

}  // namespace fulgurite::cpu
