#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>

#include "cpu/step.hpp"
#include "cpu/work.hpp"
#include "indexer/arithmetic.hpp"

// Queries of BF16 weights, and queries for rows that are no int8 codes. The row operations are the
// definition's own.

namespace fulgurite::cpu {

void Step::project_bf16_queries() {
  const std::int64_t tokens = work_.portion.selected;
  const std::int64_t rank = shape_.query_rank;
  const Bf16* const qr = latent_rows(batch_.qr_bf16);
  if (has_wide_queries()) {
    std::transform(qr, qr + tokens * rank, work_.wide_qr.data(),
                   [](Bf16 x) { return to_float(x); });
  } else {
    const HiddenStates latents{.values = &qr->bits, .tokens = tokens, .hidden = rank};
    for_each_run(executor_, tokens, kMaxHiddenRows, [&](std::int64_t first, std::int64_t last) {
      kernels_.pack_x(latents, first, last, work_.packed_qr.data());
    });
  }
  for_each_unit(executor_, shape_.heads * kHeadDim / kQueryColumns,
                [&](int lane, std::int64_t unit) {
                  const std::int64_t first = unit * kQueryColumns;
                  float* const out = work_.products.data() + lane * tokens * kQueryColumns;
                  if (has_wide_queries()) {
                    kernels_.project_wide({.tokens = tokens,
                                           .depth = rank,
                                           .columns = kQueryColumns,
                                           .weights = model_.query_wide.data() + first * rank,
                                           .rows = work_.wide_qr.data(),
                                           .out = out},
                                          0, kQueryColumns);
                  } else {
                    kernels_.project(
                        {.tokens = tokens,
                         .hidden = rank,
                         .columns = kQueryColumns,
                         .weights = model_.query_bf16.data() + first * rank,
                         .weight_exponents = model_.query_exponents.data() + first / kColumnBlock,
                         .activations = work_.packed_qr.data(),
                         .out = out},
                        0, kQueryColumns);
                  }
                  store_queries(first, out);
                });
}

/// [tokens, kQueryColumns] values become columns first_column .. of q.
void Step::store_queries(std::int64_t first_column, const float* values) {
  for (std::int64_t place = 0; place < work_.portion.selected; ++place) {
    const float* const from = values + place * kQueryColumns;
    if (has_wide_queries()) {
      std::copy_n(from, kQueryColumns, reinterpret_cast<float*>(heads(place)) + first_column);
    } else {
      std::transform(from, from + kQueryColumns, q(place) + first_column,
                     [](float x) { return to_bf16(x).bits; });
    }
  }
}

/// rope, Hadamard and the recipe's format of one head.
reference::EncodedRow Step::encode_head(std::int64_t place, std::int64_t head) const {
  const Recipe& recipe = indexer_.recipe;
  reference::Row row;
  if (has_wide_queries()) {
    std::copy_n(reinterpret_cast<const float*>(heads(place)) + head * kHeadDim, kHeadDim,
                row.begin());
  } else {
    const std::uint16_t* const features = q(place) + head * kHeadDim;
    std::transform(features, features + kHeadDim, row.begin(),
                   [](std::uint16_t bits) { return to_float(Bf16{bits}); });
  }
  reference::rotate(row, query_angle(place), recipe.query);
  if (recipe.rotate_queries) reference::multiply_hadamard(row, model_.hadamard);
  for (float& x : row) x = reference::round(recipe.rotated_query, x);
  return reference::quantize(recipe, row);
}

/// The packed heads take the place of q.
void Step::prepare_values(std::int64_t place, std::int64_t lane) {
  const std::int64_t heads = shape_.heads;
  const bool is_wide = indexer_.recipe.row_format == RowFormat::fp32;
  float* const numbers = work_.head_rows.data() + lane * heads * kHeadDim;
  const float* weight = head_weights(place);
  std::array<float, kMostHeads> folded;
  for (std::int64_t head = 0; head < heads; ++head) {
    const reference::EncodedRow row = encode_head(place, head);
    std::copy(row.numbers.begin(), row.numbers.end(), numbers + head * kHeadDim);
    folded[static_cast<std::size_t>(head)] = weight[head] * row.scale;
  }
  std::array<std::int32_t, kMostHeads> order;
  std::iota(order.begin(), order.end(), 0);
  if (!indexer_.recipe.heads_in_order) kernels_.order_heads(folded.data(), heads, order.data());

  auto* const words = this->heads(place);
  auto* const narrow =
      reinterpret_cast<std::uint16_t*>(work_.codes.data()) + lane * heads * kHeadDim;
  for (std::int64_t i = 0; i < heads; ++i) {
    const std::int32_t head = order[static_cast<std::size_t>(i)];
    work_.folded[place * heads + i] = folded[static_cast<std::size_t>(head)];
    const float* const row = numbers + head * std::int64_t{kHeadDim};
    if (is_wide) {
      std::memcpy(words + i * kHeadDim * 4, row, kHeadDim * sizeof(float));
    } else {
      std::transform(row, row + kHeadDim, narrow + i * kHeadDim,
                     [](float x) { return to_bf16(x).bits; });
    }
  }
  if (!is_wide) kernels_.pack_x({narrow, heads, kHeadDim}, 0, heads, words);
}

}  // namespace fulgurite::cpu
