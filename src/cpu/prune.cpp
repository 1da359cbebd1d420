#include "cpu/prune.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace fulgurite::cpu {
namespace {

constexpr std::int64_t kRowsPerPick = 8;     ///< of fewer, too many survive
constexpr std::int64_t kLeastGainHeads = 4;  ///< fewer heads saved per row are not worth it
/// What a pruned row costs beyond its heads, in heads: two products, comparisons, a store.
constexpr double kFilterHeads = 1.5;

/// The first multiple of 4 that has all heads whose weight is not negative before it; at least 8.
std::int64_t first_split(const ScoreQuery& query) {
  std::int64_t front = 0;
  while (front < query.heads && !(query.weight[front] < 0)) ++front;
  return std::max<std::int64_t>(8, (front + 3) / 4 * 4);
}

/// The cheapest split, by how many of the sample's rows would survive it.
std::int64_t best_split(const ScoreQuery& query, const float* bounds, std::int64_t sampled,
                        float expected_threshold) {
  const auto heads = static_cast<double>(query.heads);
  double least = heads - kLeastGainHeads;
  std::int64_t best = 0;
  for (std::int64_t split = first_split(query); split < query.heads; split += 4) {
    const float* bound = bounds + (split / 4 - 1) * kMostSampled;
    const auto survivors =
        std::count_if(bound, bound + sampled, [&](float x) { return !(x < expected_threshold); });
    const double rest = heads - static_cast<double>(split) + kCollectHeads;
    const double share = static_cast<double>(survivors) / static_cast<double>(sampled);
    const double cost = static_cast<double>(split) + share * rest + kFilterHeads;
    if (cost >= least) continue;
    least = cost;
    best = split;
  }
  return best;
}

}  // namespace

std::int64_t sample_size(std::int64_t rows) {
  const std::int64_t share = rows / 64 / kSampleStep * kSampleStep;
  return std::clamp<std::int64_t>(share, 64, kMostSampled);
}

void sample_rows(std::int64_t rows, std::int64_t first, std::int64_t last, std::uint32_t* sample) {
  const std::int64_t stride = rows / sample_size(rows);
  constexpr std::int64_t kScatter = 40'503;  // 2^16 over the golden ratio: no row keeps its place
  for (std::int64_t i = first; i < last; ++i) {
    sample[i - first] = static_cast<std::uint32_t>(i * stride + i * kScatter % stride);
  }
}

bool enough_rows_to_prune(std::int64_t rows, std::int64_t k) {
  constexpr std::int64_t kLeastRows = 2048;
  return rows >= std::max(kLeastRows, kRowsPerPick * k);
}

bool may_prune(const ScoreQuery& query, std::int64_t rows, std::int64_t k) {
  if (!enough_rows_to_prune(rows, k) || first_split(query) + kLeastGainHeads >= query.heads) {
    return false;
  }
  return std::all_of(query.weight, query.weight + query.heads,
                     [](float x) { return std::fabs(x) <= kMostPrunedWeight; });
}

PruneGuess guess_pruning(const Kernels& kernels, const ScoreQuery& query, const float* bounds,
                         std::int64_t rows, std::int64_t k, float* scratch,
                         std::uint32_t* scratch_rows) {
  const std::int64_t sampled = sample_size(rows);
  const PruneGuess dense{sampled, 0, 0};
  const float* scores = bounds + (query.heads / 4 - 1) * kMostSampled;
  for (std::int64_t i = 0; i < sampled; ++i) {
    scratch[i] = std::isnan(scores[i]) ? -std::numeric_limits<float>::infinity() : scores[i];
    scratch_rows[i] = static_cast<std::uint32_t>(i);
  }
  kernels.sort_top(scratch, scratch_rows, sampled);
  const double expected =
      static_cast<double>(k) * static_cast<double>(sampled) / static_cast<double>(rows);
  // Three standard deviations below the expected rank: a guess that fails costs a second look.
  const auto safe = static_cast<std::int64_t>(expected + 3 * std::sqrt(expected) + 2);
  if (safe >= sampled) return dense;
  const float threshold = std::nextafter(scratch[safe], -std::numeric_limits<float>::infinity());
  if (!std::isfinite(threshold)) return dense;
  const float expected_threshold = scratch[static_cast<std::int64_t>(expected)];
  return {sampled, best_split(query, bounds, sampled, expected_threshold), threshold};
}

void expect(const PruneGuess& guess, TopList& list) {
  list.threshold = guess.threshold;
  list.closed = true;
}

std::int64_t most_candidates(std::int64_t k) { return k + k / 2 + 64; }

PruneOutcome select_pruned(const Kernels& kernels, const ScoreQuery& query, const KeyTable& keys,
                           std::int64_t rows, PruneMemory memory, TopList& list) {
  PruneOutcome outcome{};
  if (may_prune(query, rows, list.k)) {
    std::array<std::uint32_t, kMostSampled> sample;
    const std::int64_t sampled = sample_size(rows);
    sample_rows(rows, 0, sampled, sample.data());
    kernels.score_sample(query, keys, sample.data(), sampled, kMostSampled, memory.bounds);
    outcome.guess =
        guess_pruning(kernels, query, memory.bounds, rows, list.k, list.scores, list.rows);
  }
  if (outcome.guess.split == 0) {
    const ScoreTask task{.query = query, .last = rows, .out = nullptr, .list = &list};
    kernels.score_select(&task, 1, keys, 0);
  } else {
    expect(outcome.guess, list);
    PrunedRows pruned{.split = outcome.guess.split,
                      .most_candidates = most_candidates(list.k),
                      .sums = memory.sums,
                      .finished = 0};
    kernels.score_select_pruned(query, keys, 0, rows, pruned, list);
    outcome.failed = list.count < list.k;
    if (outcome.failed) kernels.reselect_pruned(query, keys, 0, rows, pruned, list);
    outcome.finished = pruned.finished;
  }
  kernels.select_top(list);
  return outcome;
}

}  // namespace fulgurite::cpu
