#include <algorithm>
#include <array>

#include "core/checked.hpp"
#include "cpu/prune.hpp"
#include "cpu/step.hpp"
#include "cpu/work.hpp"

namespace fulgurite::cpu {
namespace {

constexpr std::int64_t kSampleUnit = 128;  ///< sampled rows that a lane takes at once

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

PrunedRows Step::pruned_rows(const PruneGuess& guess, std::int64_t first_sum) {
  return {.split = guess.split,
          .most_candidates = most_candidates(shape_.topk),
          .sums = work_.partial_sums.data() + first_sum,
          .finished = 0};
}

/// A unit for each token.
void Step::select_wholes(std::span<const VisibleRows> tokens, TokenRange block) {
  work_.units.clear();
  for (const VisibleRows& token : tokens) work_.units.push_back({token.token, 0, token.rows, 0});
  for_each_unit(executor_, static_cast<std::int64_t>(tokens.size()),
                [&](int lane, std::int64_t unit) { select_token(unit, lane, block); });
}

/// All of a token's rows, by one lane.
void Step::select_token(std::int64_t unit, std::int64_t lane, TokenRange block) {
  const ScoreUnit& range = work_.units[static_cast<std::size_t>(unit)];
  const TokenRows rows = token_rows(range.token, block);
  TopList list = lane_list(lane, rows.places);
  PruneOutcome outcome{};
  if (pruned_ && rows.places > 0) {
    outcome = select_pruned(kernels_, rows.query, rows.keys, rows.visible,
                            {bounds(lane), work_.partial_sums.data() + lane * whole_sums_}, list);
  } else if (rows.places > 0) {
    score_rows(rows, 0, rows.visible, list);
    kernels_.select_top(list);
  }
  work_.guesses[static_cast<std::size_t>(range.token - block.first)] = outcome.guess;
  work_.scored[static_cast<std::size_t>(unit)] = {list.count, outcome.finished, list.met_nan};
  write_selection(range.token, list);
}

/// Each token's rows are several units. The lanes meet between the sample, the guess, the rows, the
/// rows that a guess that failed has left, and the merging of the parts.
void Step::select_wave(const Wave& wave, TokenRange block) {
  make_units(wave);
  for (const VisibleRows& token : wave.tokens) {
    const auto place = static_cast<std::size_t>(token.token - block.first);
    work_.guesses[place] = {};
    work_.failed_guesses[place] = 0;
  }
  if (pruned_) guess_wave(wave, block);
  for_each_unit(executor_, wave.units,
                [&](int lane, std::int64_t unit) { select_part(wave, unit, lane, block); });
  if (pruned_) {
    judge_guesses(wave, block);
    for_each_unit(executor_, wave.units,
                  [&](int lane, std::int64_t unit) { reselect_part(wave, unit, lane, block); });
  }
  for_each_unit(executor_, static_cast<std::int64_t>(wave.tokens.size()),
                [&](int lane, std::int64_t slot) {
                  merge_parts(wave, wave.tokens[static_cast<std::size_t>(slot)], lane);
                });
}

/// Units of a token follow one another, in ascending rows.
void Step::make_units(const Wave& wave) {
  work_.units.clear();
  std::int64_t sums = 0;
  for (const VisibleRows& token : wave.tokens) {
    for (std::int64_t row = 0; row < token.rows; row += wave.unit_rows) {
      const std::int64_t last = std::min(row + wave.unit_rows, token.rows);
      work_.units.push_back({token.token, row, last, sums});
      sums += core::round_up(last - row, kSampleStep);
    }
  }
}

void Step::guess_wave(const Wave& wave, TokenRange block) {
  constexpr std::int64_t kUnits = kMostSampled / kSampleUnit;
  const auto tokens = static_cast<std::int64_t>(wave.tokens.size());
  const auto rows_of = [&](std::int64_t slot) {
    return token_rows(wave.tokens[static_cast<std::size_t>(slot)].token, block);
  };
  for_each_unit(executor_, tokens * kUnits, [&](int, std::int64_t unit) {
    const std::int64_t slot = unit / kUnits;
    const TokenRows rows = rows_of(slot);
    if (!may_prune(rows)) return;
    const std::int64_t sampled = sample_size(rows.visible);
    const std::int64_t first = unit % kUnits * kSampleUnit;
    if (first < sampled) {
      take_sample(rows, slot, first, std::min(first + kSampleUnit, sampled));
    }
  });
  for_each_unit(executor_, tokens, [&](int lane, std::int64_t slot) {
    const TokenRows rows = rows_of(slot);
    if (!may_prune(rows)) return;
    const std::int64_t token = wave.tokens[static_cast<std::size_t>(slot)].token;
    work_.guesses[static_cast<std::size_t>(token - block.first)] = guess(rows, slot, lane);
  });
}

void Step::select_part(const Wave& wave, std::int64_t unit, std::int64_t lane, TokenRange block) {
  const auto index = static_cast<std::size_t>(unit);
  const ScoreUnit& range = work_.units[index];
  const TokenRows rows = token_rows(range.token, block);
  const PruneGuess& guess = work_.guesses[static_cast<std::size_t>(range.token - block.first)];
  TopList list = lane_list(lane, std::min(wave.places, range.last_row - range.first_row));
  std::int64_t finished = 0;
  if (guess.split != 0) {
    expect(guess, list);
    PrunedRows pruned = pruned_rows(guess, range.sums);
    kernels_.score_select_pruned(rows.query, rows.keys, range.first_row, range.last_row, pruned,
                                 list);
    finished = pruned.finished;
  } else if (list.k > 0) {
    score_rows(rows, range.first_row, range.last_row, list);
  }
  if (list.k > 0) kernels_.select_top(list);
  work_.scored[index] = {list.count, finished, list.met_nan};
  save_part(wave, index, list);
}

/// A guess was too high if fewer rows were above it than are wanted.
void Step::judge_guesses(const Wave& wave, TokenRange block) {
  for (const VisibleRows& token : wave.tokens) {
    const auto place = static_cast<std::size_t>(token.token - block.first);
    if (work_.guesses[place].split == 0) continue;
    std::int64_t found = 0;
    for (std::size_t unit = 0; unit < work_.units.size(); ++unit) {
      if (work_.units[unit].token == token.token) found += work_.scored[unit].count;
    }
    work_.failed_guesses[place] = found < places_of(token.rows) ? 1 : 0;
  }
}

void Step::reselect_part(const Wave& wave, std::int64_t unit, std::int64_t lane, TokenRange block) {
  const auto index = static_cast<std::size_t>(unit);
  const ScoreUnit& range = work_.units[index];
  const auto place = static_cast<std::size_t>(range.token - block.first);
  if (work_.failed_guesses[place] == 0) return;
  const TokenRows rows = token_rows(range.token, block);
  TopList list = lane_list(lane, std::min(wave.places, range.last_row - range.first_row));
  load_part(wave, index, list);
  expect(work_.guesses[place], list);
  PrunedRows pruned = pruned_rows(work_.guesses[place], range.sums);
  kernels_.reselect_pruned(rows.query, rows.keys, range.first_row, range.last_row, pruned, list);
  kernels_.select_top(list);
  ScoredUnit& scored = work_.scored[index];
  scored = {list.count, scored.finished + pruned.finished, scored.met_nan || list.met_nan};
  save_part(wave, index, list);
}

void Step::merge_parts(const Wave& wave, const VisibleRows& token, std::int64_t lane) {
  TopList list = lane_list(lane, places_of(token.rows));
  for (std::size_t unit = 0; unit < work_.units.size(); ++unit) {
    if (work_.units[unit].token != token.token) continue;
    if (list.count + work_.scored[unit].count > list.capacity) kernels_.select_top(list);
    load_part(wave, unit, list);
  }
  kernels_.select_top(list);
  write_selection(token.token, list);
}

/// Appends a part to the list.
void Step::load_part(const Wave& wave, std::size_t unit, TopList& list) const {
  const std::int64_t part = static_cast<std::int64_t>(unit) * wave.places;
  const std::int64_t count = work_.scored[unit].count;
  std::copy_n(work_.part_scores.data() + part, count, list.scores + list.count);
  std::copy_n(work_.part_rows.data() + part, count, list.rows + list.count);
  list.count += count;
}

void Step::save_part(const Wave& wave, std::size_t unit, const TopList& list) {
  const std::int64_t part = static_cast<std::int64_t>(unit) * wave.places;
  std::copy_n(list.scores, list.count, work_.part_scores.data() + part);
  std::copy_n(list.rows, list.count, work_.part_rows.data() + part);
}

}  // namespace fulgurite::cpu
