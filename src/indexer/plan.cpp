#include "indexer/plan.hpp"

#include <algorithm>
#include <string>

#include "fulgurite/error.hpp"
#include "indexer/rope_table.hpp"

namespace fulgurite {
namespace {

constexpr std::int64_t kHalfSlots = kWindowSlots / 2;

[[noreturn]] void refuse(const SequenceTokens& entry, const std::string& problem) {
  throw Error(ErrorKind::input, "sequence " + std::to_string(entry.sequence) + ": " + problem);
}

void validate(const ModelShape& shape, const DecodeBatch& batch, Plan& plan) {
  for (const SequenceTokens& entry : batch.sequences) {
    if (entry.sequence < 0) refuse(entry, "expected a number of at least 0");
    if (entry.tokens < 0 || entry.tokens > shape.max_positions) {
      refuse(entry, "expected 0 to " + std::to_string(shape.max_positions) + " tokens, found " +
                        std::to_string(entry.tokens));
    }
    if (entry.position < 0 || entry.position > shape.max_positions - entry.tokens) {
      refuse(entry, "expected positions within 0.." + std::to_string(shape.max_positions - 1) +
                        ", found " + std::to_string(entry.tokens) + " tokens from " +
                        std::to_string(entry.position));
    }
    if (entry.unselected < 0 || entry.unselected > entry.tokens) {
      refuse(entry, "expected 0 to " + std::to_string(entry.tokens) +
                        " tokens that select nothing, found " + std::to_string(entry.unselected));
    }
  }
  std::vector<std::int64_t>& numbers = plan.sorted_sequences;
  numbers.clear();
  for (const SequenceTokens& entry : batch.sequences) numbers.push_back(entry.sequence);
  std::sort(numbers.begin(), numbers.end());
  const auto twice = std::adjacent_find(numbers.begin(), numbers.end());
  if (twice != numbers.end()) {
    throw Error(ErrorKind::input,
                "sequence " + std::to_string(*twice) + ": expected once in a batch, found twice");
  }
}

SlotSource state_slot(std::int64_t slot) {
  return {SlotSource::Kind::state, static_cast<std::int32_t>(slot)};
}
SlotSource token(std::int64_t index) {
  return {SlotSource::Kind::token, static_cast<std::int32_t>(index)};
}

/// Where the angle of a position is. Sequences of a batch often stand at the same position, and the
/// window of a prompt begins at a token of it.
std::int32_t angle_of(Plan& plan, std::int64_t position) {
  PlacedAngle& recent =
      plan.recent_angles[static_cast<std::size_t>(position) % plan.recent_angles.size()];
  if (recent.position != position) {
    recent = {position, static_cast<std::int32_t>(plan.angles.size())};
    plan.angles.push_back(rope_angle(position));
  }
  return recent.place;
}

SequencePlan sequence_plan(Policy policy, const SequenceTokens& entry, std::int64_t first_token) {
  const std::int64_t first_row = entry.position / kRatio;
  const std::int64_t rows = (entry.position + entry.tokens) / kRatio;
  const std::int64_t closed = rows - first_row;
  return {.sequence = entry.sequence,
          .first_token = first_token,
          .tokens = entry.tokens,
          .rows = rows,
          .first_new_row = first_row,
          .new_rows = policy == Policy::seed ? std::min<std::int64_t>(closed, 1) : closed,
          .selected = entry.tokens - entry.unselected};
}

/// A token's place among those that select, if it does.
void add_selecting(const SequenceTokens& entry, std::int64_t index, Plan& plan) {
  if (index < entry.unselected) return;
  plan.selecting.push_back(static_cast<std::int32_t>(plan.tokens.size()));
}

/// Serving: token p sees rows 0 .. (p+1)/4 - 1, its query turns by p, a row by its first position.
void plan_causal(const SequenceTokens& entry, std::int64_t first_token, std::int32_t owner,
                 int state_slots, Plan& plan) {
  const auto source_of = [&](std::int64_t position) {
    if (position < 0) return SlotSource{};
    if (position < entry.position) return state_slot(position % state_slots);
    return token(first_token + position - entry.position);
  };
  const std::int64_t end = entry.position + entry.tokens;
  for (std::int64_t position = entry.position; position < end; ++position) {
    const std::int64_t index = position - entry.position;
    add_selecting(entry, index, plan);
    plan.tokens.push_back({owner, index < entry.unselected ? -1 : angle_of(plan, position),
                           static_cast<std::int32_t>(position % kRatio),
                           visible_rows(Policy::causal, entry, index)});
    if ((position + 1) % kRatio != 0) continue;
    const std::int64_t first = position + 1 - kRatio;
    WindowPlan window{owner, angle_of(plan, first), position / kRatio, {}};
    for (std::int64_t slot = 0; slot < kWindowSlots; ++slot) {
      window.slots[static_cast<std::size_t>(slot)] = source_of(first - kHalfSlots + slot);
    }
    plan.windows.push_back(window);
  }
  for (std::int64_t position = std::max(entry.position, end - state_slots); position < end;
       ++position) {
    plan.state_writes.push_back(
        {owner, static_cast<std::int32_t>(position % state_slots), source_of(position)});
  }
  plan.sequences.push_back(sequence_plan(Policy::causal, entry, first_token));
}

/// The seed kernel: one angle and one row count for all tokens, at most one window a step, and a
/// state whose upper half moves down when the window closes. docs/numerics.md lists its habits.
void plan_seed(const SequenceTokens& entry, std::int64_t first_token, std::int32_t owner,
               Plan& plan) {
  const std::int64_t phase = entry.position % kRatio;
  const std::int64_t before = std::min(entry.tokens, kRatio - phase);
  const bool closes = phase + entry.tokens >= kRatio;

  std::array<SlotSource, kWindowSlots> slots;
  for (std::int64_t slot = 0; slot < kWindowSlots; ++slot) {
    slots[static_cast<std::size_t>(slot)] = state_slot(slot);
  }
  const auto store = [&](std::int64_t s) {
    slots[static_cast<std::size_t>(kHalfSlots + (phase + s) % kRatio)] = token(first_token + s);
  };
  for (std::int64_t s = 0; s < entry.tokens; ++s) {
    add_selecting(entry, s, plan);
    plan.tokens.push_back({owner, 0, static_cast<std::int32_t>((phase + s) % kRatio),
                           visible_rows(Policy::seed, entry, s)});
  }
  for (std::int64_t s = 0; s < before; ++s) store(s);
  if (closes) {
    plan.windows.push_back({owner, 0, entry.position / kRatio, slots});
    std::copy(slots.begin() + kHalfSlots, slots.end(), slots.begin());
  }
  for (std::int64_t s = before; s < entry.tokens; ++s) store(s);
  for (std::int32_t slot = 0; slot < kWindowSlots; ++slot) {
    const SlotSource& source = slots[static_cast<std::size_t>(slot)];
    const bool unchanged = source.kind == SlotSource::Kind::state && source.index == slot;
    if (!unchanged) plan.state_writes.push_back({owner, slot, source});
  }
  plan.sequences.push_back(sequence_plan(Policy::seed, entry, first_token));
}

}  // namespace

std::int64_t visible_rows(Policy policy, const SequenceTokens& entry, std::int64_t index) {
  const std::int64_t seen = policy == Policy::seed ? entry.tokens : index + 1;
  return (entry.position + seen) / kRatio;
}

void plan_sequences(const ModelShape& shape, const DecodeBatch& batch, int state_slots,
                    Plan& plan) {
  validate(shape, batch, plan);
  if (batch.policy == Policy::seed && state_slots != kWindowSlots) {
    throw Error(ErrorKind::input, "compressor state: policy seed expected " +
                                      std::to_string(kWindowSlots) + " slots, found " +
                                      std::to_string(state_slots));
  }
  plan.sequences.clear();
  std::int64_t first_token = 0;
  for (const SequenceTokens& entry : batch.sequences) {
    plan.sequences.push_back(sequence_plan(batch.policy, entry, first_token));
    first_token += entry.tokens;
  }
}

void plan_part(const DecodeBatch& batch, std::span<const SequenceTokens> sequences, int state_slots,
               Plan& plan) {
  plan.sequences.clear();
  plan.tokens.clear();
  plan.selecting.clear();
  plan.windows.clear();
  plan.state_writes.clear();
  plan.angles.clear();
  plan.recent_angles.fill({});
  if (batch.policy == Policy::seed) plan.angles.push_back(batch.angle);
  std::int64_t first_token = 0;
  for (const SequenceTokens& entry : sequences) {
    const auto owner = static_cast<std::int32_t>(plan.sequences.size());
    if (batch.policy == Policy::seed) {
      plan_seed(entry, first_token, owner, plan);
    } else {
      plan_causal(entry, first_token, owner, state_slots, plan);
    }
    first_token += entry.tokens;
  }
}

void make_plan(const ModelShape& shape, const DecodeBatch& batch, int state_slots, Plan& plan) {
  plan_sequences(shape, batch, state_slots, plan);
  plan_part(batch, batch.sequences, state_slots, plan);
}

}  // namespace fulgurite
