#pragma once

#include <cstdint>

#include "cpu/kernels.hpp"

// Whether, and where, a selection is pruned (docs/numerics.md, section 9). A spread sample of the
// rows says how high the k-th best score will about be, and how many rows would survive a split of
// the heads. The result of a selection never depends on what is decided here, only its time does.

namespace fulgurite::cpu {

/// Rows of the largest sample.
inline constexpr std::int64_t kMostSampled = 1024;

/// Rows that are sampled of `rows`, at least kLeastPrunedRows of them: a multiple of kSampleStep.
std::int64_t sample_size(std::int64_t rows);

/// Members first..last of the sample of `rows` rows: ascending row numbers.
void sample_rows(std::int64_t rows, std::int64_t first, std::int64_t last, std::uint32_t* sample);

/// Whether it is allowed to prune, and could pay: enough rows for k, enough negative weights, all
/// of them in order and none so large that a sum could overflow.
bool may_prune(const ScoreQuery& query, std::int64_t rows, std::int64_t k);

/// Fewer rows are never pruned, so their sample needs no memory.
bool enough_rows_to_prune(std::int64_t rows, std::int64_t k);

struct PruneGuess {
  std::int64_t sampled;  ///< rows that the guess cost, with all their heads
  std::int64_t split;    ///< 0: not worth it
  float threshold;       ///< the k-th best score is probably above it
};

/// What score_sample left in bounds[H/4][kMostSampled] of sample_size(rows) rows, and the guess
/// that follows. `scratch` has room for kMostSampled pairs.
PruneGuess guess_pruning(const Kernels& kernels, const ScoreQuery& query, const float* bounds,
                         std::int64_t rows, std::int64_t k, float* scratch,
                         std::uint32_t* scratch_rows);

/// Rows that are not above the guess stay out of the list.
void expect(const PruneGuess& guess, TopList& list);

/// So many candidates raise the threshold of a pruned selection.
std::int64_t most_candidates(std::int64_t k);

/// What a pruned selection needs in passing; `sums` may be null if may_prune is false.
struct PruneMemory {
  float* bounds;  ///< [H/4][kMostSampled]
  float* sums;    ///< [rows rounded up to kSampleStep]
};

/// How a selection went.
struct PruneOutcome {
  PruneGuess guess;
  std::int64_t finished;  ///< rows that met all heads, if it was pruned
  bool failed;            ///< the guess was too high, so rows were looked at again
};

/// Offers rows 0..rows-1 to an empty list with k <= rows, pruned where that is allowed and pays,
/// and keeps the best k.
PruneOutcome select_pruned(const Kernels& kernels, const ScoreQuery& query, const KeyTable& keys,
                           std::int64_t rows, PruneMemory memory, TopList& list);

}  // namespace fulgurite::cpu
