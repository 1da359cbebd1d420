#include <algorithm>
#include <cmath>
#include <cstddef>

#include "indexer/arithmetic.hpp"
#include "indexer/exp.hpp"
#include "indexer/stages.hpp"

namespace fulgurite::reference {
namespace {

/// Index of feature `i` in the half that a slot gives.
std::size_t half(std::size_t slot, std::size_t i) {
  return slot < kWindowSlots / 2 ? i : kHeadDim + i;
}

}  // namespace

SlotValues project_slot(const Model& model, std::span<const Bf16> x, std::int32_t ape_row) {
  SlotValues values;
  const std::span<const Bf16> wkv(model.wkv);
  const std::span<const Bf16> wgate(model.wgate);
  const auto ape = std::span(model.ape).subspan(static_cast<std::size_t>(ape_row) * kStateWidth);
  for (std::size_t i = 0; i < kStateWidth; ++i) {
    values.kv[i] = canonical(dot(x, wkv.subspan(i * x.size(), x.size())));
    values.gate[i] = canonical(dot(x, wgate.subspan(i * x.size(), x.size())) + ape[i]);
  }
  return values;
}

Row pool(std::span<const SlotValues, kWindowSlots> slots) {
  Row pooled;
  for (std::size_t i = 0; i < kHeadDim; ++i) {
    float top = slots[0].gate[half(0, i)];
    for (std::size_t slot = 1; slot < kWindowSlots; ++slot) {
      top = std::max(top, slots[slot].gate[half(slot, i)]);
    }
    std::array<float, kWindowSlots> e;
    float sum = 0;
    for (std::size_t slot = 0; slot < kWindowSlots; ++slot) {
      e[slot] = exp(slots[slot].gate[half(slot, i)] - top);
      sum = sum + e[slot];
    }
    float mean = 0;
    for (std::size_t slot = 0; slot < kWindowSlots; ++slot) {
      const float share = e[slot] / sum;
      mean = mean + slots[slot].kv[half(slot, i)] * share;
    }
    pooled[i] = mean;
  }
  return pooled;
}

Row normalize(const Row& row, const Row& norm, float eps) {
  constexpr std::size_t kLanes = 16;  // the sum of squares has the shape of a vector register
  std::array<float, kLanes> lanes{};
  for (std::size_t i = 0; i < kHeadDim; ++i) {
    lanes[i % kLanes] = lanes[i % kLanes] + row[i] * row[i];
  }
  for (std::size_t apart = kLanes / 2; apart >= 1; apart /= 2) {
    for (std::size_t lane = 0; lane < apart; ++lane) {
      lanes[lane] = lanes[lane] + lanes[lane + apart];
    }
  }
  const float mean = lanes[0] * (1.F / kHeadDim);
  const float factor = 1.F / std::sqrt(mean + eps);
  Row normed;
  for (std::size_t i = 0; i < kHeadDim; ++i) normed[i] = (row[i] * factor) * norm[i];
  return normed;
}

Row compress_window(const Recipe& recipe, std::span<const SlotValues, kWindowSlots> slots,
                    const Row& norm, float eps, const RopeAngle& angle,
                    const HadamardMatrix& hadamard) {
  Row row = pool(slots);
  for (float& x : row) x = round(recipe.pooled, x);
  row = normalize(row, norm, eps);
  for (float& x : row) x = round(recipe.normed, x);
  rotate(row, angle, recipe.turned);
  if (recipe.rotate_keys) multiply_hadamard(row, hadamard);
  for (float& x : row) x = canonical(x);
  return row;
}

}  // namespace fulgurite::reference
