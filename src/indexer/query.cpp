#include <algorithm>
#include <cstddef>

#include "indexer/arithmetic.hpp"
#include "indexer/stages.hpp"

namespace fulgurite::reference {
namespace {

std::vector<float> widened(std::span<const Bf16> values) {
  std::vector<float> wide(values.size());
  std::transform(values.begin(), values.end(), wide.begin(),
                 [](Bf16 value) { return to_float(value); });
  return wide;
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
