#include <algorithm>
#include <numeric>

#include "core/checked.hpp"
#include "cpu/prune.hpp"
#include "cpu/select.hpp"
#include "cpu/step.hpp"
#include "fulgurite/error.hpp"
#include "indexer/small_floats.hpp"

// How many tokens a portion has, and where in the workspace's memory each array lies.

namespace fulgurite::cpu {
namespace {

constexpr std::int64_t kLeastListCapacity = 2048;

}  // namespace

std::int64_t Step::places_of(std::int64_t visible) const { return std::min(shape_.topk, visible); }

std::int64_t Step::word_bytes() const {
  return has_int8_rows() ? shape_.heads * kHeadDim * 2 : packed_x_bytes(shape_.heads, kHeadDim);
}

/// The largest portions that keep to the memory that was allowed.
void Step::allocate() {
  const std::int64_t allowed = core::checked_multiply("workspace bytes", indexer_.workspace_bytes,
                                                      std::int64_t{executor_.threads()});
  const std::int64_t features = shape_.heads * kHeadDim;
  const std::int64_t q_bytes =
      features * static_cast<std::int64_t>(has_wide_queries() ? sizeof(float) : sizeof(Bf16));
  head_bytes_ = std::max(q_bytes, word_bytes());
  piece_rows_ = std::gcd(batch_.mask_rows, keys_.memory.page_rows);
  portion_tokens_ = kMostPortionTokens;
  while (true) {
    const Extents most = measure(portion_tokens_);
    Carver count;
    lay_out(most, count);
    if (count.bytes() > allowed && portion_tokens_ > kLeastPortionTokens) {
      portion_tokens_ -= kLeastPortionTokens;
      continue;
    }
    work_.memory.ensure("workspace", count.bytes());
    Carver carver(work_.memory.data());
    lay_out(most, carver);
    reserve(most);
    return;
  }
}

Step::Extents Step::measure(std::int64_t portion_tokens) {
  Extents most;
  Portions portions(batch_, portion_tokens);
  while (portions.next(work_.portion)) {
    const Portion& portion = work_.portion;
    std::int64_t pages = 0;
    std::int64_t runs = 0;
    bool is_gap = true;
    for (const SequenceTokens& entry : portion.sequences) {
      is_gap = is_gap || entry.unselected > 0;
      if (entry.tokens == entry.unselected) continue;
      runs += is_gap ? 1 : 0;
      is_gap = false;
      pages += core::divide_up((entry.position + entry.tokens) / kRatio, keys_.memory.page_rows);
    }
    most.tokens = std::max(most.tokens, portion.tokens);
    most.selected = std::max(most.selected, portion.selected);
    most.sequences = std::max(most.sequences, static_cast<std::int64_t>(portion.sequences.size()));
    most.pages = std::max(most.pages, pages);
    if (runs > 1) most.gathered = std::max(most.gathered, portion.selected);
    if (portion.selected > 0) measure_selection(most);
  }
  return most;
}

/// The tokens of the portion that select, by how many rows they see.
void Step::order_selecting() {
  work_.order.clear();
  work_.masked.clear();
  std::int64_t place = 0;
  for (const SequenceTokens& entry : work_.portion.sequences) {
    for (std::int64_t i = entry.unselected; i < entry.tokens; ++i) {
      std::int64_t rows = visible_rows(batch_.policy, entry, i);
      if (is_masked()) {
        rows = candidates(place, rows);
        work_.masked.push_back(masked_sizes(rows));
      }
      work_.order.push_back({place++, rows});
    }
  }
  order_by_rows(work_.order);
}

void Step::measure_selection(Extents& most) {
  order_selecting();
  share_rows(
      work_.order, executor_.threads(), shape_.topk,
      [&](const Wave& wave) {
        most.units = std::max(most.units, wave.units);
        most.unit_places = std::max(most.unit_places, wave.units * wave.places);
        most.unit_sums = std::max(most.unit_sums, wave.sums);
        most.wave_tokens =
            std::max(most.wave_tokens, static_cast<std::int64_t>(wave.tokens.size()));
        if (is_masked()) measure_masked(wave, most);
      },
      [&](std::span<const VisibleRows> wholes) {
        if (wholes.empty()) return;
        most.whole_sums =
            std::max(most.whole_sums, core::round_up(wholes.front().rows, kSampleStep));
      });
}

void Step::lay_out(const Extents& most, Carver& carver) {
  const std::int64_t packed_x = packed_x_bytes(most.tokens, shape_.hidden);
  const std::int64_t heads = core::checked_multiply("queries", most.selected, head_bytes_);
  carver.take("projections", work_.projected, most.tokens * model_.hidden_columns);
  carver.take("packed inputs", work_.activations, std::max(packed_x, heads));
  if (most.selected == 0) return;
  lay_out_queries(most, carver);
  lay_out_selection(most, carver);
}

void Step::lay_out_queries(const Extents& most, Carver& carver) {
  const std::int64_t lanes = executor_.threads();
  const std::int64_t rank = shape_.query_rank;
  const std::int64_t features = shape_.heads * kHeadDim;
  const std::int64_t blocks = core::divide_up(rank, kScaleBlock);
  const bool is_int8 = model_.has_int8_query();
  const bool is_e4m3 = !model_.query_blocks.empty();
  carver.take("packed query latents", work_.packed_qr,
              is_int8              ? packed_qr_bytes(most.selected, rank)
              : is_e4m3            ? blocks * packed_x_bytes(most.selected, kScaleBlock)
              : has_wide_queries() ? 0
                                   : packed_x_bytes(most.selected, rank));
  carver.take("query latents", work_.gathered_qr, most.gathered * rank * (is_int8 ? 1 : 2));
  if (is_int8) {
    carver.take("scales of query latents", work_.gathered_scale, most.gathered);
    carver.take("query corrections", work_.qr_correction, core::round_up(most.selected, kRowBlock));
  } else {
    carver.take("queries", work_.products, lanes * most.selected * kQueryColumns);
  }
  if (has_wide_queries()) carver.take("query latents", work_.wide_qr, most.selected * rank);
  if (is_e4m3) {
    carver.take("query latents", work_.latents, blocks * most.selected * kScaleBlock);
    carver.take("scales of query latents", work_.latent_scale, blocks * most.selected);
    carver.take("queries", work_.sums, lanes * most.selected * kQueryColumns);
  }
  if (!has_int8_rows()) carver.take("query heads", work_.head_rows, lanes * features);
  carver.take("query codes", work_.codes, lanes * features * (has_int8_rows() ? 1 : 2));
  carver.take("query scales", work_.scales, lanes * shape_.heads);
  carver.take("head corrections", work_.correction, most.selected * shape_.heads);
  carver.take("folded weights", work_.folded, most.selected * shape_.heads);
}

void Step::lay_out_selection(const Extents& most, Carver& carver) {
  const std::int64_t lanes = executor_.threads();
  std::int64_t rows = 0;
  for (const SequencePlan& sequence : work_.plan.sequences) {
    if (sequence.selected > 0) rows = std::max(rows, sequence.rows);
  }
  list_capacity_ = std::max(kLeastListCapacity, 4 * places_of(rows));
  whole_sums_ = most.whole_sums;
  const std::int64_t lists = lanes * kMostTogether;
  carver.take("pages", work_.pages, most.pages);
  if (is_masked()) lay_out_masked(most, carver);
  if (has_bf16_rows()) lay_out_staged(rows, carver);
  carver.take("candidate scores", work_.list_scores, lists * (list_capacity_ + kListSlack));
  carver.take("candidate rows", work_.list_rows, lists * (list_capacity_ + kListSlack));
  carver.take("selection", work_.list_scratch, lists * list_scratch_bytes(list_capacity_));
  carver.take("partial selections", work_.part_scores, most.unit_places);
  carver.take("partial selections", work_.part_rows, most.unit_places);
  pruned_ = indexer_.prune && has_int8_rows() && !has_bf16_rows() && picks_.logit_rows() == 0 &&
            enough_rows_to_prune(rows, places_of(rows));
  if (!pruned_) return;
  carver.take("bounds of sampled rows", work_.bounds,
              std::max(lanes, most.wave_tokens) * shape_.heads / 4 * kMostSampled);
  carver.take("partial sums", work_.partial_sums, std::max(most.unit_sums, lanes * whole_sums_));
}

/// So that nothing grows while the step is executed.
void Step::reserve(const Extents& most) {
  const auto tokens = static_cast<std::size_t>(most.tokens);
  const auto sequences = static_cast<std::size_t>(most.sequences);
  Plan& plan = work_.plan;
  plan.tokens.reserve(tokens);
  plan.selecting.reserve(tokens);
  plan.windows.reserve(tokens);
  plan.angles.reserve(2 * tokens + 1);
  plan.sequences.reserve(sequences);
  plan.state_writes.reserve(batch_.policy == Policy::seed ? sequences * kWindowSlots : tokens);
  work_.portion.sequences.reserve(sequences);
  work_.first_page.reserve(sequences);
  const auto selected = static_cast<std::size_t>(most.selected);
  const auto units = static_cast<std::size_t>(std::max(most.units, most.selected));
  work_.order.reserve(selected);
  if (is_masked()) work_.masked.reserve(selected);
  work_.guesses.resize(selected);
  work_.failed_guesses.resize(selected);
  work_.units.reserve(units);
  work_.groups.reserve(selected);
  work_.scored.resize(units);
}

}  // namespace fulgurite::cpu
