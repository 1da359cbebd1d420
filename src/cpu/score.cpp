#include <algorithm>

#include "cpu/step.hpp"
#include "cpu/step_access.hpp"
#include "cpu/work.hpp"

namespace fulgurite::cpu {

void Step::list_pages() {
  work_.pages.clear();
  work_.first_page.clear();
  for (const SequencePlan& sequence : work_.plan.sequences) {
    work_.first_page.push_back(static_cast<std::int64_t>(work_.pages.size()));
    keys_.append_pages(sequence.sequence, sequence.rows, work_.pages);
  }
}

/// Units of a token follow one another, in ascending rows.
void Step::make_units(TokenRange block) {
  work_.units.clear();
  for (std::int64_t token = block.first; token < block.first + block.count; ++token) {
    const std::int64_t visible = work_.plan.tokens[static_cast<std::size_t>(token)].visible;
    std::int64_t row = 0;
    do {
      const std::int64_t last = std::min(row + unit_rows_, visible);
      work_.units.push_back({token, row, last});
      row = last;
    } while (row < visible);
  }
}

void Step::select(TokenRange block) {
  make_units(block);
  const auto units = static_cast<std::int64_t>(work_.units.size());
  for_each_unit(executor_, units,
                [&](int lane, std::int64_t unit) { score_unit(unit, lane, block); });
  if (units > block.count) {
    for_each_unit(executor_, block.count,
                  [&](int lane, std::int64_t place) { merge_parts(block.first + place, lane); });
  }
  StageReport& report = stage(Stage::select);
  std::int64_t counted = -1;
  for (std::size_t unit = 0; unit < work_.units.size(); ++unit) {
    const ScoreUnit& scored = work_.units[unit];
    const std::int64_t rows = scored.last_row - scored.first_row;
    report.int8_macs += rows * shape_.heads * kHeadDim;
    report.bytes += rows * (kHeadDim + static_cast<int>(sizeof(float)));
    if (work_.nan_units[unit] == 0 || scored.token == counted) continue;
    counted = scored.token;
    ++report_.tokens_with_nan;
  }
}

void Step::score_unit(std::int64_t unit, std::int64_t lane, TokenRange block) {
  const ScoreUnit& rows = work_.units[static_cast<std::size_t>(unit)];
  const std::int64_t place = rows.token - block.first;
  const TokenPlan& plan = work_.plan.tokens[static_cast<std::size_t>(rows.token)];
  const ScoreQuery query{.heads = shape_.heads,
                         .words = work_.words.data() + place * shape_.heads * kHeadDim * 2,
                         .correction = work_.correction.data() + place * shape_.heads,
                         .weight = work_.folded.data() + place * shape_.heads};
  const KeyTable keys{
      .pages = work_.pages.data() + work_.first_page[static_cast<std::size_t>(plan.owner)],
      .page_rows = keys_.memory.page_rows};
  const std::int64_t places = std::min(part_places_, rows.last_row - rows.first_row);
  TopList list = work_.lists[static_cast<std::size_t>(lane)].list(places, list_capacity_);
  float* logits = StepAccess::logits(picks_, rows.token);
  if (places > 0) {
    kernels_.score_select(query, keys, rows.first_row, rows.last_row,
                          logits != nullptr ? logits + rows.first_row : nullptr, list);
    kernels_.select_top(list);
  }
  work_.nan_units[static_cast<std::size_t>(unit)] = list.met_nan ? 1 : 0;
  if (unit_rows_ >= plan.visible) {
    write_selection(rows.token, list);
    return;
  }
  work_.part_counts[static_cast<std::size_t>(unit)] = list.count;
  std::copy_n(list.scores, list.count, work_.part_scores.data() + unit * part_places_);
  std::copy_n(list.rows, list.count, work_.part_rows.data() + unit * part_places_);
}

void Step::merge_parts(std::int64_t token, std::int64_t lane) {
  const std::int64_t visible = work_.plan.tokens[static_cast<std::size_t>(token)].visible;
  if (unit_rows_ >= visible) return;
  TopList list =
      work_.lists[static_cast<std::size_t>(lane)].list(places_of(visible), list_capacity_);
  for (std::size_t unit = 0; unit < work_.units.size(); ++unit) {
    if (work_.units[unit].token != token) continue;
    const auto part = static_cast<std::int64_t>(unit) * part_places_;
    std::copy_n(work_.part_scores.data() + part, work_.part_counts[unit], list.scores + list.count);
    std::copy_n(work_.part_rows.data() + part, work_.part_counts[unit], list.rows + list.count);
    list.count += work_.part_counts[unit];
  }
  kernels_.select_top(list);
  write_selection(token, list);
}

void Step::write_selection(std::int64_t token, const TopList& list) {
  kernels_.sort_top(list.scores, list.rows, list.count);
  std::int32_t* indices = StepAccess::indices(picks_, token);
  const auto offset = static_cast<std::uint32_t>(batch_.offset);
  std::transform(list.rows, list.rows + list.count, indices,
                 [offset](std::uint32_t row) { return static_cast<std::int32_t>(row + offset); });
  std::fill(indices + list.count, indices + picks_.width(), kNoRow);
  if (float* scores = StepAccess::scores(picks_, token); scores != nullptr) {
    std::copy_n(list.scores, list.count, scores);
    std::fill(scores + list.count, scores + picks_.width(), kUnseenScore);
  }
  if (float* logits = StepAccess::logits(picks_, token); logits != nullptr) {
    const std::int64_t visible = work_.plan.tokens[static_cast<std::size_t>(token)].visible;
    std::fill(logits + visible, logits + picks_.logit_rows(), kUnseenScore);
  }
  StepAccess::set_count(picks_, token, list.count);
}

}  // namespace fulgurite::cpu
