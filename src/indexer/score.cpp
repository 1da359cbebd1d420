#include <algorithm>
#include <cstddef>

#include "indexer/arithmetic.hpp"
#include "indexer/stages.hpp"

namespace fulgurite::reference {
namespace {

/// NaN stays NaN.
float relu(float x) { return x < 0 ? 0.F : x; }

std::array<Bf16, kHeadDim> as_bf16(const Row& numbers) {
  std::array<Bf16, kHeadDim> features;
  std::transform(numbers.begin(), numbers.end(), features.begin(), to_bf16);
  return features;
}

float multiply(RowFormat format, const EncodedRow& query, const EncodedRow& key) {
  switch (format) {
    case RowFormat::int8:
      return static_cast<float>(dot(query.codes, key.codes));
    case RowFormat::e2m1:
    case RowFormat::e4m3:
      return dot(as_bf16(query.numbers), as_bf16(key.numbers));
    case RowFormat::fp32:
      break;
  }
  return dot(std::span<const float>(query.numbers), std::span<const float>(key.numbers));
}

}  // namespace

std::vector<std::int32_t> head_order(std::span<const float> folded_weights) {
  std::vector<std::int32_t> order;
  std::vector<std::int32_t> negative;
  for (std::size_t head = 0; head < folded_weights.size(); ++head) {
    (folded_weights[head] < 0 ? negative : order).push_back(static_cast<std::int32_t>(head));
  }
  std::sort(negative.begin(), negative.end(), [&](std::int32_t a, std::int32_t b) {
    const float weight_a = folded_weights[static_cast<std::size_t>(a)];
    const float weight_b = folded_weights[static_cast<std::size_t>(b)];
    return weight_a != weight_b ? weight_a < weight_b : a < b;
  });
  order.insert(order.end(), negative.begin(), negative.end());
  return order;
}

ScoredQuery fold(std::span<const EncodedRow> heads, std::span<const float> weights) {
  std::vector<float> folded(heads.size());
  for (std::size_t head = 0; head < heads.size(); ++head) {
    folded[head] = weights[head] * heads[head].scale;
  }
  ScoredQuery query;
  for (const std::int32_t head : head_order(folded)) {
    query.heads.push_back(heads[static_cast<std::size_t>(head)]);
    query.weights.push_back(folded[static_cast<std::size_t>(head)]);
  }
  return query;
}

ScoredQuery fold(const Recipe& recipe, std::span<const EncodedRow> heads,
                 std::span<const float> weights) {
  ScoredQuery query;
  if (!recipe.heads_in_order) {
    query = fold(heads, weights);
  } else {
    query.heads.assign(heads.begin(), heads.end());
    query.weights.assign(weights.begin(), weights.end());
  }
  query.format = recipe.row_format;
  query.rounding = recipe.score;
  return query;
}

float score(const ScoredQuery& query, const EncodedRow& key) {
  float acc = 0;
  for (std::size_t head = 0; head < query.heads.size(); ++head) {
    const float product = round(query.rounding, multiply(query.format, query.heads[head], key));
    acc = acc + round(query.rounding, relu(product) * query.weights[head]);
  }
  return canonical(round(query.rounding, acc * key.scale));
}

}  // namespace fulgurite::reference
