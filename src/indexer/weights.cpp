#include <cmath>
#include <cstddef>

#include "indexer/arithmetic.hpp"
#include "indexer/stages.hpp"

namespace fulgurite {

float head_weight_factor(std::int64_t heads) {
  return static_cast<float>(1.0 / std::sqrt(static_cast<double>(kHeadDim * heads)));
}

namespace reference {

std::vector<float> head_weights(const Model& model, std::span<const Bf16> x) {
  std::vector<float> weights(static_cast<std::size_t>(model.shape.heads));
  const float factor = head_weight_factor(model.shape.heads);
  const std::span<const Bf16> rows(model.weights_proj);
  for (std::size_t head = 0; head < weights.size(); ++head) {
    const float sum = dot(x, rows.subspan(head * x.size(), x.size()));
    weights[head] = round(model.recipe.weight, round(model.recipe.weight_dot, sum) * factor);
  }
  return weights;
}

}  // namespace reference
}  // namespace fulgurite
