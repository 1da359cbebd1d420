#include <cstddef>

#include "indexer/arithmetic.hpp"
#include "indexer/stages.hpp"

namespace fulgurite::reference {

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

}  // namespace fulgurite::reference
