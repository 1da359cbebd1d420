#include <algorithm>
#include <limits>
#include <span>
#include <string>

#include "core/checked.hpp"
#include "cpu/step.hpp"
#include "cpu/step_access.hpp"
#include "fulgurite/error.hpp"

namespace fulgurite::cpu {
namespace {

[[noreturn]] void refuse(const std::string& problem) { throw Error(ErrorKind::input, problem); }

template <class T, std::size_t Rank>
void check_rows(const char* name, const TensorView<T, Rank>& rows,
                const typename TensorView<T, Rank>::Shape& shape) {
  detail::expect_shape(name, shape, rows.shape());
  if (rows.size() == 0) return;
  if (rows.empty()) refuse(std::string(name) + ": expected data, found null");
  if (!rows.contiguous()) refuse(std::string(name) + ": expected contiguous rows");
}

}  // namespace

/// Before the step is planned, so that a plan is never larger than its inputs.
void Step::check_inputs() const {
  std::int64_t tokens = 0;
  bool selects = false;
  for (const SequenceTokens& entry : batch_.sequences) {  // planning refuses counts below 0
    tokens = core::checked_add("batch: tokens", tokens, std::max<std::int64_t>(entry.tokens, 0));
    selects = selects || entry.unselected < entry.tokens;
  }
  check_rows("x", batch_.x, {tokens, shape_.hidden});
  if (!selects) return;
  if (model_.has_int8_query()) {
    check_rows("qr", batch_.qr, {tokens, shape_.query_rank});
    check_rows("qr_scale", batch_.qr_scale, {tokens});
  } else {
    check_rows("qr", batch_.qr_bf16, {tokens, shape_.query_rank});
  }
}

void Step::check_parameters() const {
  std::int64_t most_rows = 0;
  for (const SequencePlan& sequence : work_.plan.sequences) {
    most_rows = std::max(most_rows, sequence.rows);
  }
  const std::int64_t most_offset = std::numeric_limits<std::int32_t>::max() - most_rows;
  if (batch_.offset < 0 || batch_.offset > most_offset) {
    refuse("offset: expected 0 to " + std::to_string(most_offset) + ", found " +
           std::to_string(batch_.offset));
  }
  for (const float x : batch_.angle.cos) {
    if (!is_finite(x)) refuse("angle: expected finite cosines, found NaN or infinity");
  }
  for (const float x : batch_.angle.sin) {
    if (!is_finite(x)) refuse("angle: expected finite sines, found NaN or infinity");
  }
}

void Step::check_state() const {
  if (!keys_.recipe.makes_keys_like(indexer_.recipe)) {
    refuse("key cache: expected rows of recipe " + std::string(indexer_.recipe.name) +
           " as the indexer makes them, found other ones of " + std::string(keys_.recipe.name));
  }
  for (std::size_t i = 0; i < work_.plan.sequences.size(); ++i) {
    const SequencePlan& sequence = work_.plan.sequences[i];
    const std::int64_t length = state_.length(sequence.sequence);
    const std::int64_t position = batch_.sequences[i].position;
    if (batch_.policy == Policy::causal && position != length) {
      refuse("sequence " + std::to_string(sequence.sequence) + ": expected position " +
             std::to_string(length) + ", the next one of its state, found " +
             std::to_string(position));
    }
    keys_.check_sequence(sequence.sequence);
    keys_.check_history(sequence, position / kRatio);
  }
}

void Step::check_mask() const {
  if (batch_.row_mask.empty()) return;
  constexpr std::int64_t kMostMaskRows = 65'536;
  if (batch_.mask_rows < 1 || batch_.mask_rows > kMostMaskRows) {
    refuse("row mask: expected entries of 1 to " + std::to_string(kMostMaskRows) + " rows, found " +
           std::to_string(batch_.mask_rows));
  }
  std::int64_t rows = 0;
  for (const SequencePlan& sequence : work_.plan.sequences) {
    if (sequence.selected > 0) rows = std::max(rows, sequence.rows);
  }
  const std::int64_t entries = core::divide_up(rows, batch_.mask_rows);
  if (batch_.row_mask.extent(1) < entries) {
    refuse("row mask: expected at least " + std::to_string(entries) + " entries a token, found " +
           std::to_string(batch_.row_mask.extent(1)));
  }
  check_rows("row mask", batch_.row_mask, {batch_.selected_tokens(), batch_.row_mask.extent(1)});
}

void Step::check_selection() const {
  const std::int64_t tokens = batch_.selected_tokens();
  if (picks_.tokens() != tokens) {
    refuse("selection: expected " + std::to_string(tokens) + " tokens, found " +
           std::to_string(picks_.tokens()));
  }
  for (const SequencePlan& sequence : work_.plan.sequences) {
    if (sequence.selected == 0) continue;
    const std::int64_t places = places_of(sequence.rows);
    if (picks_.width() < places) {
      refuse("selection: expected at least " + std::to_string(places) + " places a token, found " +
             std::to_string(picks_.width()));
    }
    if (picks_.logit_rows() != 0 && picks_.logit_rows() < sequence.rows) {
      refuse("selection: logits: expected at least " + std::to_string(sequence.rows) +
             " rows a token, found " + std::to_string(picks_.logit_rows()));
    }
  }
}

}  // namespace fulgurite::cpu
