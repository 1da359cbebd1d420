#include <algorithm>
#include <cstddef>

#include "indexer/arithmetic.hpp"
#include "indexer/stages.hpp"

namespace fulgurite::reference {

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
    query.heads.push_back(heads[static_cast<std::size_t>(head)].codes);
    query.weights.push_back(folded[static_cast<std::size_t>(head)]);
  }
  return query;
}

float score(const ScoredQuery& query, const EncodedRow& key) {
  float acc = 0;
  for (std::size_t head = 0; head < query.heads.size(); ++head) {
    const std::int32_t product = dot(query.heads[head], key.codes);
    acc = acc + static_cast<float>(std::max(product, 0)) * query.weights[head];
  }
  return canonical(acc * key.scale);
}

}  // namespace fulgurite::reference
