#include <algorithm>
#include <array>

#include "core/checked.hpp"
#include "cpu/prune.hpp"
#include "cpu/select.hpp"
#include "cpu/step.hpp"
#include "cpu/work.hpp"

namespace fulgurite::cpu {
namespace {

constexpr std::int64_t kSampleUnit = 128;  ///< sampled rows that a lane takes at once

}  // namespace

TopList Step::lane_list(std::int64_t lane, std::int64_t places, std::int64_t which) {
  const std::int64_t list = lane * kMostTogether + which;
  const std::int64_t slots = list_capacity_ + kListSlack;
  return {.k = places,
          .capacity = list_capacity_,
          .count = 0,
          .scores = work_.list_scores.data() + list * slots,
          .rows = work_.list_rows.data() + list * slots,
          .scratch = work_.list_scratch.data() + list * list_scratch_bytes(list_capacity_),
          .threshold = 0,
          .closed = false,
          .met_nan = false};
}

bool Step::may_prune(const TokenRows& rows) const {
  return pruned_ && cpu::may_prune(rows.query, rows.count, rows.places);
}

/// Rows first..last of the sample.
void Step::take_sample(const TokenRows& rows, std::int64_t slot, std::int64_t first,
                       std::int64_t last) {
  std::array<std::uint32_t, kMostSampled> sample;
  sample_rows(rows.count, first, last, sample.data());
  kernels_.score_sample(rows.query, rows.keys, sample.data(), last - first, kMostSampled,
                        bounds(slot) + first);
}

PruneGuess Step::guess(const TokenRows& rows, std::int64_t slot, std::int64_t lane) {
  const TopList scratch = lane_list(lane, rows.places);
  return guess_pruning(kernels_, rows.query, bounds(slot), rows.count, rows.places, scratch.scores,
                       scratch.rows);
}

float* Step::bounds(std::int64_t slot) const {
  return work_.bounds.data() + slot * shape_.heads / 4 * kMostSampled;
}

PrunedRows Step::pruned_rows(const PruneGuess& guess, std::int64_t first_sum) const {
  return {.split = guess.split,
          .most_candidates = most_candidates(shape_.topk),
          .sums = work_.partial_sums.data() + first_sum,
          .finished = 0};
}

void Step::select_wholes(std::span<const VisibleRows> tokens) {
  group_tokens(tokens);
  for_each_unit(executor_, static_cast<std::int64_t>(work_.groups.size()),
                [&](int lane, std::int64_t at) {
                  const TokenGroup& group = work_.groups[static_cast<std::size_t>(at)];
                  const std::int8_t* const next = first_rows(at + executor_.threads());
                  if (group.units == 1) {
                    select_token(group.first_unit, lane, next);
                  } else {
                    select_together(group, lane, next);
                  }
                });
}

/// Null if there is no such group, or if its rows are picked one by one.
const std::int8_t* Step::first_rows(std::int64_t group) const {
  if (is_masked() || group >= static_cast<std::int64_t>(work_.groups.size())) return nullptr;
  const std::int64_t unit = work_.groups[static_cast<std::size_t>(group)].first_unit;
  const ScoreUnit& rows = work_.units[static_cast<std::size_t>(unit)];
  if (rows.last_row == 0) return nullptr;
  const std::int64_t page = work_.first_page[static_cast<std::size_t>(owner_of(rows.place))];
  return work_.pages[page].codes;
}

/// A unit for each token. Tokens of a sequence whose selection is not pruned share its tiles, if
/// that leaves enough groups for all lanes; groups with more rows come first.
void Step::group_tokens(std::span<const VisibleRows> tokens) {
  constexpr std::int64_t kGroupsPerLane = 4;
  const std::int64_t lanes = executor_.threads();
  const auto count = static_cast<std::int64_t>(tokens.size());
  const std::int64_t most =
      lanes == 1 ? kMostTogether
                 : std::min<std::int64_t>(kMostTogether, count / (kGroupsPerLane * lanes));
  work_.units.clear();
  for (const VisibleRows& token : tokens) work_.units.push_back({token.place, 0, token.rows, 0});
  std::sort(work_.units.begin(), work_.units.end(),
            [](const ScoreUnit& a, const ScoreUnit& b) { return a.place < b.place; });
  work_.groups.clear();
  bool open = false;
  for (std::int64_t unit = 0; unit < count; ++unit) {
    const ScoreUnit& rows = work_.units[static_cast<std::size_t>(unit)];
    const bool shares = can_share(rows.place);
    if (open && shares && work_.groups.back().units < most &&
        owner_of(rows.place) == owner_of(rows.place - 1) &&
        work_.units[static_cast<std::size_t>(unit - 1)].place == rows.place - 1) {
      ++work_.groups.back().units;
      work_.groups.back().rows += rows.last_row;
    } else {
      work_.groups.push_back({unit, 1, rows.last_row});
    }
    open = shares;
  }
  std::sort(work_.groups.begin(), work_.groups.end(), [](const TokenGroup& a, const TokenGroup& b) {
    return a.rows != b.rows ? a.rows > b.rows : a.first_unit < b.first_unit;
  });
}

std::int32_t Step::owner_of(std::int64_t place) const { return selecting(place).owner; }

/// Whether the token scores all its rows with the int8 kernel.
bool Step::can_share(std::int64_t place) {
  if (!has_int8_rows() || has_bf16_rows() || is_masked()) return false;
  const TokenRows rows = token_rows(place);
  return rows.places > 0 && !may_prune(rows);
}

/// All rows of several tokens, by one lane.
void Step::select_together(const TokenGroup& group, std::int64_t lane, const std::int8_t* next) {
  std::array<TopList, kMostTogether> lists;
  std::array<ScoreTask, kMostTogether> tasks;
  KeyTable keys{};
  for (std::int64_t i = 0; i < group.units; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const std::int64_t place = work_.units[static_cast<std::size_t>(group.first_unit + i)].place;
    const TokenRows rows = token_rows(place);
    lists[at] = lane_list(lane, rows.places, i);
    tasks[at] = {.query = rows.query, .last = rows.count, .out = rows.logits, .list = &lists[at]};
    keys = rows.keys;
  }
  keys.next = next;
  kernels_.score_select(tasks.data(), group.units, keys, 0);
  for (std::int64_t i = 0; i < group.units; ++i) {
    const auto unit = static_cast<std::size_t>(group.first_unit + i);
    const std::int64_t place = work_.units[unit].place;
    TopList& list = lists[static_cast<std::size_t>(i)];
    kernels_.select_top(list);
    work_.guesses[static_cast<std::size_t>(place)] = {};
    work_.scored[unit] = {list.count, 0, list.met_nan};
    write_selection(place, list);
  }
}

/// All of a token's rows, by one lane.
void Step::select_token(std::int64_t unit, std::int64_t lane, const std::int8_t* next) {
  const ScoreUnit& range = work_.units[static_cast<std::size_t>(unit)];
  if (is_masked()) {
    place_table(range.place, lane * whole_masked_.pages, lane * whole_masked_.blocks);
    list_masked_rows(range.place);
  }
  TokenRows rows = token_rows(range.place);
  rows.keys.next = next;
  TopList list = lane_list(lane, rows.places);
  PruneOutcome outcome{};
  if (pruned_ && rows.places > 0) {
    outcome = select_pruned(kernels_, rows.query, rows.keys, rows.count,
                            {bounds(lane), work_.partial_sums.data() + lane * whole_sums_}, list);
  } else if (rows.places > 0) {
    score_rows(rows, 0, rows.count, list, lane);
    kernels_.select_top(list);
  }
  work_.guesses[static_cast<std::size_t>(range.place)] = outcome.guess;
  work_.scored[static_cast<std::size_t>(unit)] = {list.count, outcome.finished, list.met_nan};
  write_selection(range.place, list);
}

/// Each token's rows are several units. The lanes meet between the sample, the guess, the rows, the
/// rows that a guess that failed has left, and the merging of the parts.
void Step::select_wave(const Wave& wave) {
  make_units(wave);
  if (is_masked()) list_masked_rows(wave);
  for (const VisibleRows& token : wave.tokens) {
    const auto place = static_cast<std::size_t>(token.place);
    work_.guesses[place] = {};
    work_.failed_guesses[place] = 0;
  }
  if (pruned_) guess_wave(wave);
  for_each_unit(executor_, wave.units,
                [&](int lane, std::int64_t unit) { select_part(wave, unit, lane); });
  if (pruned_) {
    judge_guesses(wave);
    for_each_unit(executor_, wave.units,
                  [&](int lane, std::int64_t unit) { reselect_part(wave, unit, lane); });
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
      work_.units.push_back({token.place, row, last, sums});
      sums += core::round_up(last - row, kSampleStep);
    }
  }
}

void Step::guess_wave(const Wave& wave) {
  constexpr std::int64_t kUnits = kMostSampled / kSampleUnit;
  const auto tokens = static_cast<std::int64_t>(wave.tokens.size());
  const auto rows_of = [&](std::int64_t slot) {
    return token_rows(wave.tokens[static_cast<std::size_t>(slot)].place);
  };
  for_each_unit(executor_, tokens * kUnits, [&](int, std::int64_t unit) {
    const std::int64_t slot = unit / kUnits;
    const TokenRows rows = rows_of(slot);
    if (!may_prune(rows)) return;
    const std::int64_t sampled = sample_size(rows.count);
    const std::int64_t first = unit % kUnits * kSampleUnit;
    if (first < sampled) {
      take_sample(rows, slot, first, std::min(first + kSampleUnit, sampled));
    }
  });
  for_each_unit(executor_, tokens, [&](int lane, std::int64_t slot) {
    const TokenRows rows = rows_of(slot);
    if (!may_prune(rows)) return;
    const std::int64_t place = wave.tokens[static_cast<std::size_t>(slot)].place;
    work_.guesses[static_cast<std::size_t>(place)] = guess(rows, slot, lane);
  });
}

void Step::select_part(const Wave& wave, std::int64_t unit, std::int64_t lane) {
  const auto index = static_cast<std::size_t>(unit);
  const ScoreUnit& range = work_.units[index];
  const TokenRows rows = token_rows(range.place);
  const PruneGuess& guess = work_.guesses[static_cast<std::size_t>(range.place)];
  TopList list = lane_list(lane, std::min(wave.places, range.last_row - range.first_row));
  std::int64_t finished = 0;
  if (guess.split != 0) {
    expect(guess, list);
    PrunedRows pruned = pruned_rows(guess, range.sums);
    kernels_.score_select_pruned(rows.query, rows.keys, range.first_row, range.last_row, pruned,
                                 list);
    finished = pruned.finished;
  } else if (list.k > 0) {
    score_rows(rows, range.first_row, range.last_row, list, lane);
  }
  if (list.k > 0) kernels_.select_top(list);
  work_.scored[index] = {list.count, finished, list.met_nan};
  save_part(wave, index, list);
}

/// A guess was too high if fewer rows were above it than are wanted.
void Step::judge_guesses(const Wave& wave) {
  for (const VisibleRows& token : wave.tokens) {
    const auto place = static_cast<std::size_t>(token.place);
    if (work_.guesses[place].split == 0) continue;
    std::int64_t found = 0;
    for (std::size_t unit = 0; unit < work_.units.size(); ++unit) {
      if (work_.units[unit].place == token.place) found += work_.scored[unit].count;
    }
    work_.failed_guesses[place] = found < places_of(token.rows) ? 1 : 0;
  }
}

void Step::reselect_part(const Wave& wave, std::int64_t unit, std::int64_t lane) {
  const auto index = static_cast<std::size_t>(unit);
  const ScoreUnit& range = work_.units[index];
  const auto place = static_cast<std::size_t>(range.place);
  if (work_.failed_guesses[place] == 0) return;
  const TokenRows rows = token_rows(range.place);
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
    if (work_.units[unit].place != token.place) continue;
    if (list.count + work_.scored[unit].count > list.capacity) kernels_.select_top(list);
    load_part(wave, unit, list);
  }
  kernels_.select_top(list);
  write_selection(token.place, list);
}

/// Appends a part to the list.
void Step::load_part(const Wave& wave, std::size_t unit, TopList& list) const {
  const std::int64_t part = static_cast<std::int64_t>(unit) * wave.places;
  const std::int64_t count = work_.scored[unit].count;
  std::copy_n(work_.part_scores.data() + part, count, list.scores + list.count);
  std::copy_n(work_.part_rows.data() + part, count, list.rows + list.count);
  list.count += count;
}

void Step::save_part(const Wave& wave, std::size_t unit, const TopList& list) const {
  const std::int64_t part = static_cast<std::int64_t>(unit) * wave.places;
  std::copy_n(list.scores, list.count, work_.part_scores.data() + part);
  std::copy_n(list.rows, list.count, work_.part_rows.data() + part);
}

}  // namespace fulgurite::cpu
