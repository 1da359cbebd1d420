#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "core/checked.hpp"
#include "cpu/step.hpp"
#include "cpu/step_access.hpp"
#include "cpu/work.hpp"
#include "indexer/arithmetic.hpp"

namespace fulgurite::cpu {
namespace {

constexpr std::int64_t kProjectColumns = 3 * kColumnBlock;  ///< of a unit of work, or a multiple

template <class Value>
constexpr std::array<float, kHeadDim> filled(Value value) {
  std::array<float, kHeadDim> values{};
  values.fill(value);
  return values;
}
constexpr std::array<float, kHeadDim> kAbsentKv = filled(0.F);
constexpr std::array<float, kHeadDim> kAbsentGate = filled(-std::numeric_limits<float>::infinity());

}  // namespace

void Step::project() {
  const Portion& portion = work_.portion;
  const auto* values = reinterpret_cast<const std::uint16_t*>(batch_.x.data());
  const HiddenStates x{.values = values + portion.first_token * shape_.hidden,
                       .tokens = portion.tokens,
                       .hidden = shape_.hidden};
  for_each_run(executor_, x.tokens, kMaxHiddenRows, [&](std::int64_t first, std::int64_t last) {
    kernels_.pack_x(x, first, last, work_.activations.data());
  });
  const HiddenProjection projection{.tokens = portion.tokens,
                                    .hidden = shape_.hidden,
                                    .columns = model_.hidden_columns,
                                    .weights = model_.hidden.data(),
                                    .weight_exponents = model_.hidden_exponents.data(),
                                    .activations = work_.activations.data(),
                                    .out = work_.projected.data()};
  const std::int64_t heads = portion.selected > 0 ? shape_.heads : 0;
  const std::int64_t columns = packed_columns(2 * kStateWidth + heads);
  for_each_run(executor_, columns, kProjectColumns, [&](std::int64_t first, std::int64_t last) {
    kernels_.project(projection, first, last);
  });
  StageReport& report = stage(Stage::project);
  report.bf16_macs += portion.tokens * shape_.hidden * (2 * kStateWidth + heads);
  report.bytes += 2 * columns * shape_.hidden + portion.tokens * (2 * shape_.hidden + 4 * columns);
}

/// Adds ape to the gates and scales the head weights, token by token.
void Step::finish_projections() {
  const Recipe& recipe = indexer_.recipe;
  const std::int64_t heads = work_.portion.selected > 0 ? shape_.heads : 0;
  for_each_unit(executor_, work_.portion.tokens, [&](int, std::int64_t token) {
    float* kv = work_.projected.data() + token * model_.hidden_columns;
    float* gate = kv + kStateWidth;
    float* weight = gate + kStateWidth;
    const TokenPlan& plan = work_.plan.tokens[static_cast<std::size_t>(token)];
    const float* ape = model_.ape.data() + plan.ape_row * kStateWidth;
    for (int i = 0; i < kStateWidth; ++i) kv[i] = canonical(kv[i]);
    for (int i = 0; i < kStateWidth; ++i) gate[i] = canonical(gate[i] + ape[i]);
    for (std::int64_t head = 0; head < heads; ++head) {
      const float sum = reference::round(recipe.weight_dot, weight[head]);
      weight[head] = reference::round(recipe.weight, sum * model_.head_factor);
    }
  });
}

/// The 256 kv or gate values of a slot; null for an absent one.
const float* Step::slot_values(const SlotSource& source, std::int32_t owner, bool gate) const {
  switch (source.kind) {
    case SlotSource::Kind::absent:
      return nullptr;
    case SlotSource::Kind::state: {
      const std::int64_t sequence = work_.plan.sequences[static_cast<std::size_t>(owner)].sequence;
      return &(gate ? state_.gate() : state_.kv())(sequence, source.index, 0);
    }
    case SlotSource::Kind::token:
      return work_.projected.data() + source.index * model_.hidden_columns +
             (gate ? kStateWidth : 0);
  }
  return nullptr;
}

void Step::compress_windows() {
  const auto windows = static_cast<std::int64_t>(work_.plan.windows.size());
  for_each_unit(executor_, windows, [&](int, std::int64_t window) {
    (has_int8_rows() ? compress_window(window) : compress_values(window));
  });
  windows_done_ += windows;
  if (has_int8_rows() && indexer_.recipe.rotate_keys) {
    report_rotations(stage(Stage::compress), windows);
  }
  stage(Stage::compress).bytes += windows * (2 * kWindowSlots * kHeadDim * 4 + keys_.row_bytes +
                                             static_cast<int>(sizeof(float)));
}

WindowSlots Step::slots_of(const WindowPlan& plan) const {
  WindowSlots slots{};
  for (std::size_t slot = 0; slot < kWindowSlots; ++slot) {
    const std::size_t half = slot < kWindowSlots / 2 ? 0 : kHeadDim;
    const float* kv = slot_values(plan.slots[slot], plan.owner, false);
    const float* gate = slot_values(plan.slots[slot], plan.owner, true);
    slots.kv[slot] = kv != nullptr ? kv + half : kAbsentKv.data();
    slots.gate[slot] = gate != nullptr ? gate + half : kAbsentGate.data();
  }
  return slots;
}

/// By the definition's own operations, for rows that are no int8 codes.
void Step::compress_values(std::int64_t window) {
  const Recipe& recipe = indexer_.recipe;
  const WindowPlan& plan = work_.plan.windows[static_cast<std::size_t>(window)];
  const std::int64_t sequence = work_.plan.sequences[static_cast<std::size_t>(plan.owner)].sequence;
  const WindowSlots found = slots_of(plan);
  std::array<reference::SlotValues, kWindowSlots> slots{};
  for (std::size_t slot = 0; slot < kWindowSlots; ++slot) {
    const std::size_t half = slot < kWindowSlots / 2 ? 0 : kHeadDim;
    std::copy_n(found.kv[slot], kHeadDim, &slots[slot].kv[half]);
    std::copy_n(found.gate[slot], kHeadDim, &slots[slot].gate[half]);
  }
  reference::Row norm;
  std::copy(model_.norm.begin(), model_.norm.end(), norm.begin());
  reference::Row row = reference::compress_window(
      recipe, slots, norm, shape_.norm_eps, work_.plan.angles[static_cast<std::size_t>(plan.angle)],
      model_.hadamard);
  if (key_rows_ != nullptr)
    std::copy(row.begin(), row.end(), key_rows_ + (windows_done_ + window) * kHeadDim);
  for (float& x : row) x = reference::round(recipe.key, x);
  keys_.write(sequence, plan.row, row);
}

void Step::compress_window(std::int64_t window) {
  const auto at = static_cast<std::size_t>(window);
  const WindowPlan& plan = work_.plan.windows[at];
  const std::size_t after = at + static_cast<std::size_t>(executor_.threads());
  const bool has_next = after < work_.plan.windows.size();
  const WindowSlots next = has_next ? slots_of(work_.plan.windows[after]) : WindowSlots{};
  const RopeAngle& angle = work_.plan.angles[static_cast<std::size_t>(plan.angle)];
  const std::int64_t sequence = work_.plan.sequences[static_cast<std::size_t>(plan.owner)].sequence;
  const bool is_bf16 = keys_.holds_bf16();
  std::array<std::int8_t, kHeadDim> unused_codes;
  float unused_scale;
  const KeyWindow key{
      .slots = slots_of(plan),
      .next = has_next ? &next : nullptr,
      .norm = model_.norm.data(),
      .norm_eps = shape_.norm_eps,
      .cos = angle.cos.data(),
      .sin = angle.sin.data(),
      .rotate = indexer_.recipe.rotate_keys,
      .rotation = model_.rotation(),
      .row = key_rows_ != nullptr ? key_rows_ + (windows_done_ + window) * kHeadDim : nullptr,
      .row_bf16 = is_bf16 ? keys_.bf16_row(sequence, plan.row) : nullptr,
      .codes = is_bf16 ? unused_codes.data() : keys_.codes(sequence, plan.row),
      .scale = is_bf16 ? &unused_scale : keys_.scale(sequence, plan.row)};
  kernels_.compress_window(key);
}

void Step::write_slot(const StateWrite& write) {
  constexpr std::size_t kSlotBytes = kStateWidth * sizeof(float);
  const std::int64_t sequence =
      work_.plan.sequences[static_cast<std::size_t>(write.owner)].sequence;
  float* kv = &StepAccess::kv(state_)(sequence, write.slot, 0);
  float* gate = &StepAccess::gate(state_)(sequence, write.slot, 0);
  std::memcpy(kv, slot_values(write.source, write.owner, false), kSlotBytes);
  std::memcpy(gate, slot_values(write.source, write.owner, true), kSlotBytes);
}

/// The plan orders the writes of a sequence so that none reads what an earlier one has written.
/// They follow each other, and one unit of work does all of them.
void Step::move_state_on() {
  const std::vector<StateWrite>& writes = work_.plan.state_writes;
  const auto begin_of_sequence = [&](std::int64_t place) {
    auto at = static_cast<std::size_t>(place);
    while (at > 0 && at < writes.size() && writes[at].owner == writes[at - 1].owner) ++at;
    return at;
  };
  const auto count = static_cast<std::int64_t>(writes.size());
  for_each_run(executor_, count, kWindowSlots, [&](std::int64_t first, std::int64_t last) {
    const std::size_t end = begin_of_sequence(last);
    for (std::size_t at = begin_of_sequence(first); at < end; ++at) write_slot(writes[at]);
  });
  if (batch_.policy == Policy::seed) return;  // its caller keeps count
  for (const SequencePlan& sequence : work_.plan.sequences) {
    StepAccess::advance(state_, sequence.sequence, sequence.tokens);
  }
}

}  // namespace fulgurite::cpu
