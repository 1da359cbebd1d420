#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>

#include "cpu/order_heads.hpp"
#include "cpu/step.hpp"
#include "cpu/work.hpp"
#include "indexer/arithmetic.hpp"

// Queries of BF16 weights, and queries for rows that are no int8 codes. The row operations are the
// definition's own.

namespace fulgurite::cpu {

void Step::project_bf16_queries(TokenRange block) {
  const std::int64_t columns = shape_.heads * kHeadDim;
  const std::int64_t rank = shape_.query_rank;
  const Bf16* const qr = batch_.qr_bf16.data() + block.first * rank;
  const bool is_wide = !model_.query_wide.empty();
  if (is_wide) {
    std::transform(qr, qr + block.count * rank, work_.wide_rows.data(),
                   [](Bf16 x) { return to_float(x); });
  } else {
    kernels_.pack_x(&qr->bits, block.count, rank, work_.packed_rows.data());
  }
  const HiddenProjection projection{.tokens = block.count,
                                    .hidden = rank,
                                    .columns = columns,
                                    .weights = model_.query_bf16.data(),
                                    .weight_exponents = model_.query_exponents.data(),
                                    .activations = work_.packed_rows.data(),
                                    .out = work_.wide_q.data()};
  const WideProjection wide{.tokens = block.count,
                            .depth = rank,
                            .columns = columns,
                            .weights = model_.query_wide.data(),
                            .rows = work_.wide_rows.data(),
                            .out = work_.wide_q.data()};
  for_each_unit(executor_, columns / kQueryColumns, [&](int, std::int64_t unit) {
    const std::int64_t first = unit * kQueryColumns;
    if (is_wide) {
      kernels_.project_wide(wide, first, first + kQueryColumns);
      return;
    }
    kernels_.project(projection, first, first + kQueryColumns);
    for (std::int64_t token = 0; token < block.count; ++token) {
      const float* from = work_.wide_q.data() + token * columns + first;
      std::transform(from, from + kQueryColumns, work_.q.data() + token * columns + first,
                     [](float x) { return to_bf16(x).bits; });
    }
  });
}

/// rope, Hadamard and the recipe's format of one head.
reference::EncodedRow Step::encode_head(std::int64_t token, std::int64_t place,
                                        std::int64_t head) const {
  const Recipe& recipe = indexer_.recipe;
  const TokenPlan& plan = work_.plan.tokens[static_cast<std::size_t>(token)];
  const std::int64_t first = (place * shape_.heads + head) * kHeadDim;
  reference::Row row;
  if (model_.query_wide.empty()) {
    std::transform(work_.q.data() + first, work_.q.data() + first + kHeadDim, row.begin(),
                   [](std::uint16_t bits) { return to_float(Bf16{bits}); });
  } else {
    std::copy_n(work_.wide_q.data() + first, kHeadDim, row.begin());
  }
  reference::rotate(row, work_.plan.angles[static_cast<std::size_t>(plan.angle)], recipe.query);
  if (recipe.rotate_queries) reference::multiply_hadamard(row, model_.hadamard);
  for (float& x : row) x = reference::round(recipe.rotated_query, x);
  return reference::quantize(recipe, row);
}

void Step::prepare_values(std::int64_t token, std::int64_t place, std::int64_t lane) {
  const std::int64_t heads = shape_.heads;
  const bool is_wide = indexer_.recipe.row_format == RowFormat::fp32;
  float* const numbers = work_.head_rows.data() + lane * heads * kHeadDim;
  const float* weight = work_.projected.data() + token * model_.hidden_columns + 2 * kStateWidth;
  std::array<float, kMostHeads> folded;
  for (std::int64_t head = 0; head < heads; ++head) {
    const reference::EncodedRow row = encode_head(token, place, head);
    std::copy(row.numbers.begin(), row.numbers.end(), numbers + head * kHeadDim);
    folded[static_cast<std::size_t>(head)] = weight[head] * row.scale;
  }
  std::array<std::int32_t, kMostHeads> order;
  std::iota(order.begin(), order.end(), 0);
  if (!indexer_.recipe.heads_in_order) order_heads(folded.data(), heads, order.data());

  auto* const words = work_.words.data() + place * word_bytes();
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
  if (!is_wide) kernels_.pack_x(narrow, heads, kHeadDim, words);
}

}  // namespace fulgurite::cpu
