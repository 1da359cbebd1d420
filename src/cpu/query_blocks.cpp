#include <algorithm>
#include <array>

#include "core/checked.hpp"
#include "cpu/step.hpp"
#include "cpu/work.hpp"
#include "indexer/small_floats.hpp"

// Queries of E4M3 weights with a scale for each 128 x 128 of them. The codes are exact in bf16, so
// each 128 features of qr are a bf16 product of their own; what is added up here are its results,
// times their scales.

namespace fulgurite::cpu {

void Step::project_e4m3_queries() {
  const std::int64_t tokens = work_.portion.selected;
  const std::int64_t blocks = core::divide_up(shape_.query_rank, kScaleBlock);
  const Bf16* const qr = latent_rows(batch_.qr_bf16);
  for_each_unit(executor_, tokens, [&](int, std::int64_t place) {
    quantize_latent(qr + place * shape_.query_rank, place);
  });
  for_each_unit(executor_, blocks, [&](int, std::int64_t block) {
    const std::int64_t first = block * kScaleBlock;
    kernels_.pack_x({.values = work_.latents.data() + first * tokens,
                     .tokens = tokens,
                     .hidden = std::min(kScaleBlock, shape_.query_rank - first)},
                    0, tokens,
                    work_.packed_qr.data() + block * packed_x_bytes(tokens, kScaleBlock));
  });
  for_each_unit(executor_, shape_.heads * kHeadDim / kQueryColumns,
                [&](int lane, std::int64_t unit) { project_blocks(unit, lane); });
}

/// One token's qr.
void Step::quantize_latent(const Bf16* qr, std::int64_t place) const {
  const std::int64_t rank = shape_.query_rank;
  const std::int64_t blocks = core::divide_up(rank, kScaleBlock);
  for (std::int64_t block = 0; block < blocks; ++block) {
    const std::int64_t first = block * kScaleBlock;
    const std::int64_t width = std::min(kScaleBlock, rank - first);
    reference::Row row{};
    std::transform(qr + first, qr + first + width, row.begin(), [](Bf16 x) { return to_float(x); });
    const reference::EncodedRow encoded = reference::quantize_e4m3(row, ScaleRule::power_of_two);
    std::transform(encoded.numbers.begin(), encoded.numbers.begin() + width,
                   work_.latents.data() + first * work_.portion.selected + place * width,
                   [](float x) { return to_bf16(x).bits; });
    work_.latent_scale[place * blocks + block] = encoded.scale;
  }
}

/// kQueryColumns columns of all tokens, which are of one head.
void Step::project_blocks(std::int64_t unit, std::int64_t lane) {
  constexpr std::array<ExponentRange, kQueryColumns / kColumnBlock> kExponents{
      kE4m3Exponents, kE4m3Exponents, kE4m3Exponents, kE4m3Exponents};
  static_assert(kHeadDim % kQueryColumns == 0);
  const std::int64_t tokens = work_.portion.selected;
  const std::int64_t blocks = core::divide_up(shape_.query_rank, kScaleBlock);
  const std::int64_t first = unit * kQueryColumns;
  float* const products = work_.products.data() + lane * tokens * kQueryColumns;
  float* const sums = work_.sums.data() + lane * tokens * kQueryColumns;
  std::fill_n(sums, tokens * kQueryColumns, 0.F);
  for (std::int64_t block = 0; block < blocks; ++block) {
    const std::int64_t depth = block * kScaleBlock;
    const std::int64_t width = std::min(kScaleBlock, shape_.query_rank - depth);
    kernels_.project(
        {.tokens = tokens,
         .hidden = width,
         .columns = kQueryColumns,
         .weights = model_.query_blocks.data() + depth * shape_.heads * kHeadDim + first * width,
         .weight_exponents = kExponents.data(),
         .activations = work_.packed_qr.data() + block * packed_x_bytes(tokens, kScaleBlock),
         .out = products},
        0, kQueryColumns);
    const auto scale_at = static_cast<std::size_t>(first / kHeadDim * blocks + block);
    const float weight_scale = model_.query_block_scale[scale_at];
    for (std::int64_t place = 0; place < tokens; ++place) {
      const float scale = work_.latent_scale[place * blocks + block] * weight_scale;
      const std::int64_t row = place * kQueryColumns;
      for (std::int64_t i = row; i < row + kQueryColumns; ++i) {
        sums[i] = sums[i] + products[i] * scale;
      }
    }
  }
  store_queries(first, sums);
}

}  // namespace fulgurite::cpu
