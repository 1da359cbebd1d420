#include <algorithm>
#include <cstddef>

#include "indexer/arithmetic.hpp"
#include "indexer/stages.hpp"

namespace fulgurite::reference {

std::vector<std::int32_t> head_order(std::span<const float> folded_weights) {
  std::vector<std::int32_t> order(folded_weights.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int32_t>(i);
  const auto weight = [&](std::int32_t head) {
    return folded_weights[static_cast<std::size_t>(head)];
  };
  const auto negative = std::stable_partition(
      order.begin(), order.end(), [&](std::int32_t head) { return !(weight(head) < 0); });
  std::stable_sort(negative, order.end(),
                   [&](std::int32_t a, std::int32_t b) { return weight(a) < weight(b); });
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
