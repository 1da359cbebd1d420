#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "fulgurite/decode_batch.hpp"

namespace fulgurite {

/// Where the kv and gate of one slot of a window come from.
struct SlotSource {
  enum class Kind : std::uint8_t {
    absent,  ///< before the sequence began: kv 0, gate -inf
    state,   ///< slot `index` of the sequence's compressor state, as it was before the step
    token,   ///< token `index` of this step
  };
  Kind kind = Kind::absent;
  std::int32_t index = 0;
};

/// What the step does with one sequence of the batch.
struct SequencePlan {
  std::int64_t sequence;
  std::int64_t first_token;  ///< its tokens are first_token .. first_token + tokens - 1
  std::int64_t tokens;
  std::int64_t rows;  ///< rows that its cache holds, or must have room for, when the step is done
  std::int64_t first_new_row =
      0;  ///< rows first_new_row .. first_new_row + new_rows - 1 are written
  std::int64_t new_rows = 0;
  std::int64_t selected = 0;  ///< tokens that select
};

struct TokenPlan {
  std::int32_t owner;    ///< index into Plan::sequences
  std::int32_t angle;    ///< index into Plan::angles, for the query; -1 if it selects nothing
  std::int32_t ape_row;  ///< row of `ape` for the gate
  std::int64_t visible;  ///< rows 0 .. visible - 1 are scored
};

/// A key row that the step appends.
struct WindowPlan {
  std::int32_t owner;
  std::int32_t angle;
  std::int64_t row;
  /// Slots 0..3 give their first half (features 0..127), slots 4..7 their second.
  std::array<SlotSource, kWindowSlots> slots;
};

/// Slot `slot` of the state becomes `source`, after all windows are pooled. The writes of a
/// sequence are ordered so that none reads a slot that an earlier one has written.
struct StateWrite {
  std::int32_t owner;
  std::int32_t slot;
  SlotSource source;
};

/// Where in Plan::angles a position's is.
struct PlacedAngle {
  std::int64_t position = -1;
  std::int32_t place = 0;
};

/// Everything that follows from positions and token counts. Kernels execute it and know nothing of
/// positions, policies or quirks.
struct Plan {
  std::vector<SequencePlan> sequences;
  std::vector<TokenPlan> tokens;
  std::vector<std::int32_t> selecting;  ///< the tokens that select
  std::vector<WindowPlan> windows;
  std::vector<StateWrite> state_writes;
  std::vector<RopeAngle> angles;
  std::array<PlacedAngle, 16> recent_angles;   ///< by position mod 16
  std::vector<std::int64_t> sorted_sequences;  ///< what looking for a sequence twice has sorted
};

/// Plans a step into `plan`, whose memory is reused. `state_slots`: slots of the compressor state;
/// a `causal` state keeps the token at position p in slot p mod state_slots, a `seed` state has the
/// 8 slots of the official layout. Throws Error(input) that names the sequence: a token count or
/// position below 0 or beyond shape.max_positions, more tokens that select nothing than there are,
/// a sequence twice.
void make_plan(const ModelShape& shape, const DecodeBatch& batch, int state_slots, Plan& plan);

/// The checks of make_plan, and of the plan only the sequences.
void plan_sequences(const ModelShape& shape, const DecodeBatch& batch, int state_slots, Plan& plan);

/// All of the plan of a part of a batch that has been checked: `sequences` are its own, or follow
/// them in a later part. Tokens are counted from the first of the part. Takes no memory if the
/// plan's arrays have room: for each token one of tokens, selecting and windows and two angles, for
/// each sequence a SequencePlan and, by policy `seed`, 8 state writes, else one for each token.
void plan_part(const DecodeBatch& batch, std::span<const SequenceTokens> sequences, int state_slots,
               Plan& plan);

/// Rows that the `index`-th token of an entry sees.
std::int64_t visible_rows(Policy policy, const SequenceTokens& entry, std::int64_t index);

}  // namespace fulgurite
