#include <algorithm>
#include <limits>
#include <span>
#include <string>

#include "core/checked.hpp"
#include "cpu/prune.hpp"
#include "cpu/step.hpp"
#include "cpu/step_access.hpp"
#include "fulgurite/error.hpp"
#include "indexer/small_floats.hpp"

namespace fulgurite::cpu {
namespace {

constexpr std::int64_t kLeastListCapacity = 2048;

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
  for (const SequenceTokens& entry : batch_.sequences) {  // planning refuses counts below 0
    tokens = core::checked_add("batch: tokens", tokens, std::max<std::int64_t>(entry.tokens, 0));
  }
  check_rows("x", batch_.x, {tokens, shape_.hidden});
  if (model_.has_int8_query()) {
    check_rows("qr", batch_.qr, {tokens, shape_.query_rank});
    check_rows("qr_scale", batch_.qr_scale, {tokens});
  } else {
    check_rows("qr", batch_.qr_bf16, {tokens, shape_.query_rank});
  }
}

void Step::check_parameters() const {
  std::int64_t most_rows = 0;
  for (const TokenPlan& token : work_.plan.tokens) most_rows = std::max(most_rows, token.visible);
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

void Step::check_selection() const {
  const auto tokens = static_cast<std::int64_t>(work_.plan.tokens.size());
  if (picks_.tokens() != tokens) {
    refuse("selection: expected " + std::to_string(tokens) + " tokens, found " +
           std::to_string(picks_.tokens()));
  }
  for (const TokenPlan& token : work_.plan.tokens) {
    const std::int64_t places = places_of(token.visible);
    if (picks_.width() < places) {
      refuse("selection: expected at least " + std::to_string(places) + " places a token, found " +
             std::to_string(picks_.width()));
    }
    if (picks_.logit_rows() != 0 && picks_.logit_rows() < token.visible) {
      refuse("selection: logits: expected at least " + std::to_string(token.visible) +
             " rows a token, found " + std::to_string(picks_.logit_rows()));
    }
  }
}

std::int64_t Step::places_of(std::int64_t visible) const { return std::min(shape_.topk, visible); }

std::int64_t Step::word_bytes() const {
  return has_int8_rows() ? shape_.heads * kHeadDim * 2 : packed_x_bytes(shape_.heads, kHeadDim);
}

void Step::allocate() {
  const auto tokens = static_cast<std::int64_t>(work_.plan.tokens.size());
  const std::int64_t block = std::min(tokens, kTokenBlock);
  const std::int64_t lanes = executor_.threads();
  const std::int64_t features = shape_.heads * kHeadDim;
  work_.packed_rows.ensure("packed inputs", std::max({packed_qr_bytes(block, shape_.query_rank),
                                                      packed_x_bytes(block, shape_.query_rank),
                                                      packed_x_bytes(block, shape_.hidden)}));
  work_.qr_correction.ensure("query corrections", core::round_up(block, kRowBlock));
  work_.projected.ensure("projections",
                         core::checked_multiply("projections", tokens, model_.hidden_columns));
  work_.q.ensure("queries", block * features);
  if (!model_.has_int8_query()) work_.wide_q.ensure("queries", block * features);
  if (!model_.query_wide.empty()) {
    work_.wide_rows.ensure("query latents",
                           core::checked_multiply("query latents", block, shape_.query_rank));
  }
  if (!model_.query_blocks.empty()) {
    const std::int64_t blocks = core::divide_up(shape_.query_rank, kScaleBlock);
    work_.packed_rows.ensure("packed inputs", blocks * packed_x_bytes(block, kScaleBlock));
    work_.latents.ensure("query latents", blocks * block * kScaleBlock);
    work_.latent_scale.ensure("scales of query latents", blocks * block);
    work_.block_products.ensure("products of blocks", lanes * block * kQueryColumns);
  }
  if (!has_int8_rows()) work_.head_rows.ensure("query heads", lanes * features);
  work_.codes.ensure("query codes", lanes * features * (has_int8_rows() ? 1 : 2));
  work_.scales.ensure("query scales", lanes * shape_.heads);
  work_.words.ensure("packed queries", block * word_bytes());
  work_.correction.ensure("head corrections", block * shape_.heads);
  work_.folded.ensure("folded weights", block * shape_.heads);

  std::int64_t pages = 0;
  std::int64_t most_rows = 0;
  for (const SequencePlan& sequence : work_.plan.sequences) {
    pages += core::divide_up(sequence.rows, keys_.memory.page_rows);
    most_rows = std::max(most_rows, sequence.rows);
  }
  if (static_cast<std::size_t>(pages) > work_.pages.capacity()) {
    work_.pages.reserve(std::max(static_cast<std::size_t>(pages), 2 * work_.pages.capacity()));
  }
  work_.first_page.reserve(work_.plan.sequences.size());
  allocate_selection(tokens, most_rows);
}

void Step::allocate_selection(std::int64_t tokens, std::int64_t most_rows) {
  const std::int64_t lanes = executor_.threads();
  const std::int64_t block = std::min(tokens, kTokenBlock);
  list_capacity_ = std::max(kLeastListCapacity, 4 * places_of(most_rows));
  work_.lists.resize(static_cast<std::size_t>(lanes * kMostTogether));
  for (ListMemory& list : work_.lists) list.ensure(list_capacity_);
  work_.order.resize(static_cast<std::size_t>(block));
  work_.guesses.resize(static_cast<std::size_t>(block));
  work_.failed_guesses.resize(static_cast<std::size_t>(block));

  std::int64_t units = block;
  std::int64_t places = 0;
  std::int64_t sums = 0;
  std::int64_t wave_tokens = 0;
  for (std::int64_t first = 0; first < tokens; first += kTokenBlock) {
    order_tokens({first, std::min(kTokenBlock, tokens - first)});
    share_rows(
        work_.order, lanes, shape_.topk,
        [&](const Wave& wave) {
          units = std::max(units, wave.units);
          places = std::max(places, wave.units * wave.places);
          sums = std::max(sums, wave.sums);
          wave_tokens = std::max(wave_tokens, static_cast<std::int64_t>(wave.tokens.size()));
        },
        [&](std::span<const VisibleRows> wholes) {
          if (wholes.empty()) return;
          whole_sums_ = std::max(whole_sums_, core::round_up(wholes.front().rows, kSampleStep));
        });
  }
  work_.units.reserve(static_cast<std::size_t>(units));
  work_.groups.reserve(static_cast<std::size_t>(block));
  work_.scored.resize(static_cast<std::size_t>(units));
  work_.part_scores.ensure("partial selections", places);
  work_.part_rows.ensure("partial selections", places);
  pruned_ = indexer_.prune && has_int8_rows() && picks_.logit_rows() == 0 &&
            enough_rows_to_prune(most_rows, places_of(most_rows));
  if (!pruned_) return;
  work_.bounds.ensure("bounds of sampled rows",
                      std::max(lanes, wave_tokens) * shape_.heads / 4 * kMostSampled);
  work_.partial_sums.ensure("partial sums", std::max(sums, lanes * whole_sums_));
}

}  // namespace fulgurite::cpu
