#include <algorithm>
#include <array>

#include "core/checked.hpp"
#include "cpu/prune.hpp"
#include "cpu/step.hpp"
#include "cpu/work.hpp"

namespace fulgurite::cpu {
namespace {

constexpr std::int64_t kSampleUnit = 128;  ///< sampled rows that a lane takes at once

/// Rows below the guess are out.
void expect(const PruneGuess& guess, TopList& list) {
  list.threshold = guess.threshold;
  list.closed = true;
}

}  // namespace

TopList Step::lane_list(std::int64_t lane, std::int64_t places) {
  return work_.lists[static_cast<std::size_t>(lane)].list(places, list_capacity_);
}

bool Step::may_prune(const TokenRows& rows) const {
  return pruned_ && cpu::may_prune(rows.query, rows.visible, rows.places);
}

/// Rows first..last of the sample.
void Step::take_sample(const TokenRows& rows, std::int64_t slot, std::int64_t first,
                       std::int64_t last) {
  std::array<std::uint32_t, kMostSampled> sample;
  sample_rows(rows.visible, first, last, sample.data());
  kernels_.score_sample(rows.query, rows.keys, sample.data(), last - first, kMostSampled,
                        bounds(slot) + first);
}

PruneGuess Step::guess(const TokenRows& rows, std::int64_t slot, std::int64_t lane) {
  ListMemory& scratch = work_.lists[static_cast<std::size_t>(lane)];
  return guess_pruning(kernels_, rows.query, bounds(slot), rows.visible, rows.places,
                       scratch.scores.data(), scratch.rows.data());
}

float* Step::bounds(std::int64_t slot) {
  return work_.bounds.data() + slot * shape_.heads / 4 * kMostSampled;
}

float* Step::partial_sums(std::int64_t slot) {
  return work_.partial_sums.data() + slot * core::round_up(unit_rows_, kSampleStep);
}

PrunedRows Step::pruned_rows(const PruneGuess& guess, std::int64_t unit) {
  return {.split = guess.split,
          .most_candidates = most_candidates(shape_.topk),
          .sums = partial_sums(unit),
          .finished = 0};
}

/// All of a token's rows, by one lane.
void Step::select_token(std::int64_t unit, std::int64_t lane, TokenRange block) {
  const ScoreUnit& range = work_.units[static_cast<std::size_t>(unit)];
  const TokenRows rows = token_rows(range.token, block);
  TopList list = lane_list(lane, rows.places);
  PruneOutcome outcome{};
  if (pruned_ && rows.places > 0) {
    outcome = select_pruned(kernels_, rows.query, rows.keys, rows.visible,
                            {bounds(lane), partial_sums(lane)}, list);
  } else if (rows.places > 0) {
    kernels_.score_select(rows.query, rows.keys, 0, rows.visible, rows.logits, list);
    kernels_.select_top(list);
  }
  work_.guesses[static_cast<std::size_t>(range.token - block.first)] = outcome.guess;
  work_.scored[static_cast<std::size_t>(unit)] = {list.count, outcome.finished, list.met_nan};
  write_selection(range.token, list);
}

/// Each token's rows are several units. The lanes meet between the sample, the guess, the rows, the
/// rows that a guess that failed has left, and the merging of the parts.
void Step::select_in_parts(TokenRange block) {
  std::fill_n(work_.guesses.begin(), block.count, PruneGuess{});
  std::fill_n(work_.failed_guesses.begin(), block.count, 0);
  if (pruned_) guess_in_parts(block);
  const auto units = static_cast<std::int64_t>(work_.units.size());
  for_each_unit(executor_, units,
                [&](int lane, std::int64_t unit) { select_part(unit, lane, block); });
  if (pruned_) {
    judge_guesses(block);
    for_each_unit(executor_, units,
                  [&](int lane, std::int64_t unit) { reselect_part(unit, lane, block); });
  }
  for_each_unit(executor_, block.count,
                [&](int lane, std::int64_t place) { merge_parts(block.first + place, lane); });
}

void Step::guess_in_parts(TokenRange block) {
  constexpr std::int64_t kUnits = kMostSampled / kSampleUnit;
  for_each_unit(executor_, block.count * kUnits, [&](int, std::int64_t unit) {
    const std::int64_t place = unit / kUnits;
    const TokenRows rows = token_rows(block.first + place, block);
    if (!may_prune(rows)) return;
    const std::int64_t sampled = sample_size(rows.visible);
    const std::int64_t first = unit % kUnits * kSampleUnit;
    if (first < sampled) {
      take_sample(rows, place, first, std::min(first + kSampleUnit, sampled));
    }
  });
  for_each_unit(executor_, block.count, [&](int lane, std::int64_t place) {
    const TokenRows rows = token_rows(block.first + place, block);
    if (!may_prune(rows)) return;
    work_.guesses[static_cast<std::size_t>(place)] = guess(rows, place, lane);
  });
}

void Step::select_part(std::int64_t unit, std::int64_t lane, TokenRange block) {
  const auto index = static_cast<std::size_t>(unit);
  const ScoreUnit& range = work_.units[index];
  const TokenRows rows = token_rows(range.token, block);
  const PruneGuess& guess = work_.guesses[static_cast<std::size_t>(range.token - block.first)];
  TopList list = lane_list(lane, std::min(part_places_, range.last_row - range.first_row));
  std::int64_t finished = 0;
  if (guess.split != 0) {
    expect(guess, list);
    PrunedRows pruned = pruned_rows(guess, unit);
    kernels_.score_select_pruned(rows.query, rows.keys, range.first_row, range.last_row, pruned,
                                 list);
    finished = pruned.finished;
  } else if (list.k > 0) {
    float* const logits = rows.logits != nullptr ? rows.logits + range.first_row : nullptr;
    kernels_.score_select(rows.query, rows.keys, range.first_row, range.last_row, logits, list);
  }
  if (list.k > 0) kernels_.select_top(list);
  work_.scored[index] = {list.count, finished, list.met_nan};
  save_part(index, list);
}

/// A guess was too high if fewer rows were above it than are wanted.
void Step::judge_guesses(TokenRange block) {
  for (std::int64_t place = 0; place < block.count; ++place) {
    const auto at = static_cast<std::size_t>(place);
    if (work_.guesses[at].split == 0) continue;
    std::int64_t found = 0;
    for (std::size_t unit = 0; unit < work_.units.size(); ++unit) {
      if (work_.units[unit].token == block.first + place) found += work_.scored[unit].count;
    }
    const TokenPlan& plan = work_.plan.tokens[static_cast<std::size_t>(block.first + place)];
    work_.failed_guesses[at] = found < places_of(plan.visible) ? 1 : 0;
  }
}

void Step::reselect_part(std::int64_t unit, std::int64_t lane, TokenRange block) {
  const auto index = static_cast<std::size_t>(unit);
  const ScoreUnit& range = work_.units[index];
  const auto place = static_cast<std::size_t>(range.token - block.first);
  if (work_.failed_guesses[place] == 0) return;
  const TokenRows rows = token_rows(range.token, block);
  TopList list = lane_list(lane, std::min(part_places_, range.last_row - range.first_row));
  load_part(index, list);
  expect(work_.guesses[place], list);
  PrunedRows pruned = pruned_rows(work_.guesses[place], unit);
  kernels_.reselect_pruned(rows.query, rows.keys, range.first_row, range.last_row, pruned, list);
  kernels_.select_top(list);
  ScoredUnit& scored = work_.scored[index];
  scored = {list.count, scored.finished + pruned.finished, scored.met_nan || list.met_nan};
  save_part(index, list);
}

void Step::merge_parts(std::int64_t token, std::int64_t lane) {
  const std::int64_t visible = work_.plan.tokens[static_cast<std::size_t>(token)].visible;
  TopList list = lane_list(lane, places_of(visible));
  for (std::size_t unit = 0; unit < work_.units.size(); ++unit) {
    if (work_.units[unit].token == token) load_part(unit, list);
  }
  if (list.k > 0) kernels_.select_top(list);
  write_selection(token, list);
}

/// Appends a part to the list.
void Step::load_part(std::size_t unit, TopList& list) const {
  const auto part = static_cast<std::int64_t>(unit) * part_places_;
  const std::int64_t count = work_.scored[unit].count;
  std::copy_n(work_.part_scores.data() + part, count, list.scores + list.count);
  std::copy_n(work_.part_rows.data() + part, count, list.rows + list.count);
  list.count += count;
}

void Step::save_part(std::size_t unit, const TopList& list) {
  const auto part = static_cast<std::int64_t>(unit) * part_places_;
  std::copy_n(list.scores, list.count, work_.part_scores.data() + part);
  std::copy_n(list.rows, list.count, work_.part_rows.data() + part);
}

}  // namespace fulgurite::cpu
