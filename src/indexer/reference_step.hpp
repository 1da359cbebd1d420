#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "indexer/plan.hpp"
#include "indexer/stages.hpp"

namespace fulgurite::reference {

/// What a sequence carries from step to step.
struct SequenceState {
  std::vector<SlotValues> slots;  ///< the compressor state
  std::vector<EncodedRow> rows;   ///< the key cache, as the recipe stores it
};

struct StepResult {
  /// For each token that selects: its best rows, without offset.
  std::vector<std::vector<std::int32_t>> selected;
  std::vector<std::vector<float>>
      scores;                 ///< and the scores of its visible rows, of masked ones kUnseenScore
  std::vector<Row> key_rows;  ///< per window of the plan, in fp32
  std::int64_t tokens_with_nan = 0;  ///< tokens that met a NaN score
};

/// Executes a plan: the whole step, stage after stage. states[i] belongs to plan.sequences[i]; its
/// rows must reach as far as the plan's do, or they are filled up with zero rows.
StepResult step(const Model& model, const Plan& plan, const DecodeBatch& batch,
                std::span<SequenceState> states);

}  // namespace fulgurite::reference
