#include "indexer/reference_step.hpp"

#include <algorithm>
#include <cstddef>
#include <limits>

#include "fulgurite/selection.hpp"
#include "indexer/arithmetic.hpp"

namespace fulgurite::reference {
namespace {

/// Where kv is 0 and the gate -inf: a slot without weight.
SlotValues absent_slot() {
  SlotValues slot;
  slot.gate.fill(-std::numeric_limits<float>::infinity());
  return slot;
}

SlotValues resolve(const SlotSource& source, const SequenceState& state,
                   std::span<const SlotValues> tokens) {
  const auto index = static_cast<std::size_t>(source.index);
  switch (source.kind) {
    case SlotSource::Kind::absent:
      return absent_slot();
    case SlotSource::Kind::state:
      return state.slots[index];
    case SlotSource::Kind::token:
      return tokens[index];
  }
  return {};
}

std::vector<SlotValues> project_slots(const Model& model, const Plan& plan,
                                      const DecodeBatch& batch) {
  std::vector<SlotValues> slots;
  for (std::size_t t = 0; t < plan.tokens.size(); ++t) {
    slots.push_back(
        project_slot(model, batch.x[static_cast<std::int64_t>(t)].flat(), plan.tokens[t].ape_row));
  }
  return slots;
}

/// Appends the rows of the windows that close, then moves the state on.
std::vector<Row> compress(const Model& model, const Plan& plan, std::span<const SlotValues> tokens,
                          std::span<SequenceState> states) {
  std::vector<Row> key_rows;
  for (const WindowPlan& window : plan.windows) {
    SequenceState& state = states[static_cast<std::size_t>(window.owner)];
    std::array<SlotValues, kWindowSlots> slots;
    for (std::size_t slot = 0; slot < kWindowSlots; ++slot) {
      slots[slot] = resolve(window.slots[slot], state, tokens);
    }
    Row row = compress_window(model.recipe, slots, model.norm, model.shape.norm_eps,
                              plan.angles[static_cast<std::size_t>(window.angle)], model.hadamard);
    key_rows.push_back(row);
    for (float& x : row) x = round(model.recipe.key, x);
    state.rows[static_cast<std::size_t>(window.row)] = quantize(model.recipe, row);
  }
  for (const StateWrite& write : plan.state_writes) {
    SequenceState& state = states[static_cast<std::size_t>(write.owner)];
    state.slots[static_cast<std::size_t>(write.slot)] = resolve(write.source, state, tokens);
  }
  return key_rows;
}

ScoredQuery prepare_query(const Model& model, const DecodeBatch& batch, const Plan& plan,
                          std::size_t token) {
  const auto t = static_cast<std::int64_t>(token);
  const RopeAngle& angle = plan.angles[static_cast<std::size_t>(plan.tokens[token].angle)];
  std::vector<EncodedRow> heads;
  std::vector<Row> rows = model.wq_b.empty()
                              ? project_query(model, batch.qr_bf16[t].flat())
                              : project_query(model, batch.qr[t].flat(), batch.qr_scale(t));
  for (Row& head : rows) {
    rotate(head, angle, model.recipe.query);
    if (model.recipe.rotate_queries) multiply_hadamard(head, model.hadamard);
    for (float& x : head) x = round(model.recipe.rotated_query, x);
    heads.push_back(quantize(model.recipe, head));
  }
  return fold(model.recipe, heads, head_weights(model, batch.x[t].flat()));
}

}  // namespace

StepResult step(const Model& model, const Plan& plan, const DecodeBatch& batch,
                std::span<SequenceState> states) {
  for (std::size_t i = 0; i < plan.sequences.size(); ++i) {
    const auto rows = static_cast<std::size_t>(plan.sequences[i].rows);
    states[i].rows.resize(std::max(states[i].rows.size(), rows));
  }
  StepResult result;
  result.key_rows = compress(model, plan, project_slots(model, plan, batch), states);
  for (const std::int32_t selecting : plan.selecting) {
    const auto token = static_cast<std::size_t>(selecting);
    const TokenPlan& place = plan.tokens[token];
    const SequenceState& state = states[static_cast<std::size_t>(place.owner)];
    const ScoredQuery query = prepare_query(model, batch, plan, token);
    std::vector<float> scores(static_cast<std::size_t>(place.visible), kUnseenScore);
    std::vector<std::int32_t> candidates;
    std::vector<float> candidate_scores;
    const auto index = static_cast<std::int64_t>(result.selected.size());
    for (std::int32_t row = 0; row < place.visible; ++row) {
      if (!batch.may_select(index, row)) continue;
      float& found = scores[static_cast<std::size_t>(row)];
      found = score(query, state.rows[static_cast<std::size_t>(row)]);
      candidates.push_back(row);
      candidate_scores.push_back(found);
    }
    result.tokens_with_nan += std::any_of(scores.begin(), scores.end(), is_nan) ? 1 : 0;
    std::vector<std::int32_t> selected = select(candidate_scores, model.shape.topk);
    for (std::int32_t& row : selected) row = candidates[static_cast<std::size_t>(row)];
    result.selected.push_back(std::move(selected));
    result.scores.push_back(std::move(scores));
  }
  return result;
}

}  // namespace fulgurite::reference
