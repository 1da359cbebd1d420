#include <algorithm>
#include <cstddef>

#include "indexer/arithmetic.hpp"
#include "indexer/small_floats.hpp"
#include "indexer/stages.hpp"

namespace fulgurite::reference {
namespace {

std::vector<float> widened(std::span<const Bf16> values) {
  std::vector<float> wide(values.size());
  std::transform(values.begin(), values.end(), wide.begin(),
                 [](Bf16 value) { return to_float(value); });
  return wide;
}

/// qr in blocks of 128 features, each quantised; the last one is filled up with zeros.
std::vector<EncodedRow> quantized_blocks(std::span<const Bf16> qr) {
  std::vector<EncodedRow> blocks;
  for (std::size_t first = 0; first < qr.size(); first += kScaleBlock) {
    Row row{};
    const std::size_t count = std::min<std::size_t>(qr.size() - first, kScaleBlock);
    std::transform(qr.begin() + static_cast<std::ptrdiff_t>(first),
                   qr.begin() + static_cast<std::ptrdiff_t>(first + count), row.begin(),
                   [](Bf16 x) { return to_float(x); });
    blocks.push_back(quantize_e4m3(row, ScaleRule::power_of_two));
  }
  return blocks;
}

float block_dot(const EncodedRow& block, std::span<const std::uint8_t> weights) {
  std::array<Bf16, kScaleBlock> a;
  std::array<Bf16, kScaleBlock> b;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    a[i] = to_bf16(block.numbers[i]);
    b[i] = to_bf16(from_e4m3(weights[i]));
  }
  return dot(std::span(a).first(weights.size()), std::span(b).first(weights.size()));
}

std::vector<Row> project_e4m3_query(const Model& model, std::span<const Bf16> qr) {
  std::vector<Row> heads(static_cast<std::size_t>(model.shape.heads));
  const std::vector<EncodedRow> blocks = quantized_blocks(qr);
  for (std::size_t head = 0; head < heads.size(); ++head) {
    const auto scales =
        std::span(model.wq_b_block_scale).subspan(head * blocks.size(), blocks.size());
    for (std::size_t i = 0; i < kHeadDim; ++i) {
      const auto row =
          std::span(model.wq_b_e4m3).subspan((head * kHeadDim + i) * qr.size(), qr.size());
      float sum = 0;
      for (std::size_t b = 0; b < blocks.size(); ++b) {
        const std::size_t first = b * kScaleBlock;
        const auto features =
            row.subspan(first, std::min<std::size_t>(qr.size() - first, kScaleBlock));
        sum = sum + block_dot(blocks[b], features) * (blocks[b].scale * scales[b]);
      }
      heads[head][i] = round(model.recipe.query, sum);
    }
  }
  return heads;
}

}  // namespace

std::vector<Row> project_query(const Model& model, std::span<const std::int8_t> qr,
                               float qr_scale) {
  std::vector<Row> heads(static_cast<std::size_t>(model.shape.heads));
  const std::span<const std::int8_t> weights(model.wq_b);
  std::size_t feature = 0;
  for (Row& head : heads) {
    for (float& q : head) {
      const std::int32_t sum = dot(qr, weights.subspan(feature * qr.size(), qr.size()));
      q = round(model.recipe.query,
                (static_cast<float>(sum) * qr_scale) * model.wq_b_scale[feature]);
      ++feature;
    }
  }
  return heads;
}

std::vector<Row> project_query(const Model& model, std::span<const Bf16> qr) {
  if (!model.wq_b_e4m3.empty()) return project_e4m3_query(model, qr);
  std::vector<Row> heads(static_cast<std::size_t>(model.shape.heads));
  const std::span<const Bf16> weights(model.wq_b_bf16);
  std::size_t feature = 0;
  for (Row& head : heads) {
    for (float& q : head) {
      const auto row = weights.subspan(feature * qr.size(), qr.size());
      const bool is_wide = model.recipe.row_format == RowFormat::fp32;
      q = round(model.recipe.query, is_wide ? dot(widened(qr), widened(row)) : dot(qr, row));
      ++feature;
    }
  }
  return heads;
}

}  // namespace fulgurite::reference
