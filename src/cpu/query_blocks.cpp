#include <algorithm>

#include "core/checked.hpp"
#include "cpu/step.hpp"
#include "cpu/work.hpp"
#include "indexer/small_floats.hpp"

// Queries of E4M3 weights with a scale for each 128 x 128 of them. The codes are exact in bf16, so
// each 128 features of qr are a bf16 product of their own; what is added up here are its results,
// times their scales.

namespace fulgurite::cpu {

void Step::project_e4m3_queries(TokenRange block) {
  const std::int64_t blocks = core::divide_up(shape_.query_rank, kScaleBlock);
  for_each_unit(executor_, block.count,
                [&](int, std::int64_t place) { quantize_latent(block, place); });
  for_each_unit(executor_, blocks, [&](int, std::int64_t b) {
    const std::int64_t width = std::min(kScaleBlock, shape_.query_rank - b * kScaleBlock);
    kernels_.pack_x(work_.latents.data() + b * kScaleBlock * block.count, block.count, width,
                    work_.packed_rows.data() + b * packed_x_bytes(block.count, kScaleBlock));
  });
  const std::int64_t units = shape_.heads * kHeadDim / kQueryColumns;
  for_each_unit(executor_, units, [&](int lane, std::int64_t unit) {
    project_blocks(block, unit, work_.block_products.data() + lane * block.count * kQueryColumns);
  });
}

void Step::quantize_latent(TokenRange block, std::int64_t place) {
  const std::int64_t rank = shape_.query_rank;
  const std::int64_t blocks = core::divide_up(rank, kScaleBlock);
  const Bf16* const qr = batch_.qr_bf16.data() + (block.first + place) * rank;
  for (std::int64_t b = 0; b < blocks; ++b) {
    const std::int64_t first = b * kScaleBlock;
    const std::int64_t width = std::min(kScaleBlock, rank - first);
    reference::Row row{};
    std::transform(qr + first, qr + first + width, row.begin(), [](Bf16 x) { return to_float(x); });
    const reference::EncodedRow encoded = reference::quantize_e4m3(row, ScaleRule::power_of_two);
    std::transform(encoded.numbers.begin(), encoded.numbers.begin() + width,
                   work_.latents.data() + first * block.count + place * width,
                   [](float x) { return to_bf16(x).bits; });
    work_.latent_scale[place * blocks + b] = encoded.scale;
  }
}

/// kQueryColumns columns of all tokens; `partial` [tokens, kQueryColumns] is memory of the lane.
void Step::project_blocks(TokenRange block, std::int64_t unit, float* partial) {
  const std::int64_t columns = shape_.heads * kHeadDim;
  const std::int64_t blocks = core::divide_up(shape_.query_rank, kScaleBlock);
  const std::int64_t first = unit * kQueryColumns;
  const std::int64_t head = first / kHeadDim;
  constexpr std::array<ExponentRange, kQueryColumns / kColumnBlock> kExponents{
      kE4m3Exponents, kE4m3Exponents, kE4m3Exponents, kE4m3Exponents};
  for (std::int64_t b = 0; b < blocks; ++b) {
    const std::int64_t width = std::min(kScaleBlock, shape_.query_rank - b * kScaleBlock);
    kernels_.project(
        {.tokens = block.count,
         .hidden = width,
         .columns = kQueryColumns,
         .weights = model_.query_blocks.data() + b * kScaleBlock * columns + first * width,
         .weight_exponents = kExponents.data(),
         .activations = work_.packed_rows.data() + b * packed_x_bytes(block.count, kScaleBlock),
         .out = partial},
        0, kQueryColumns);
    const float weight_scale =
        model_.query_block_scale[static_cast<std::size_t>(head * blocks + b)];
    for (std::int64_t place = 0; place < block.count; ++place) {
      const float scale = work_.latent_scale[place * blocks + b] * weight_scale;
      const float* const products = partial + place * kQueryColumns;
      float* const sums = work_.wide_q.data() + place * columns + first;
      for (std::int64_t i = 0; i < kQueryColumns; ++i) {
        sums[i] = (b == 0 ? 0.F : sums[i]) + products[i] * scale;
      }
    }
  }
  for (std::int64_t place = 0; place < block.count; ++place) {
    const float* const sums = work_.wide_q.data() + place * columns + first;
    std::transform(sums, sums + kQueryColumns, work_.q.data() + place * columns + first,
                   [](float x) { return to_bf16(x).bits; });
  }
}

}  // namespace fulgurite::cpu
