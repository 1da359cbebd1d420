#include <algorithm>

#include "indexer/small_floats.hpp"
#include "indexer/stages.hpp"

namespace fulgurite::reference {
namespace {

template <class T>
std::vector<T> copy(const TensorView<const T, 2>& matrix) {
  std::vector<T> values;
  values.reserve(static_cast<std::size_t>(matrix.size()));
  for (std::int64_t row = 0; row < matrix.extent(0); ++row) {
    for (std::int64_t column = 0; column < matrix.extent(1); ++column) {
      values.push_back(matrix(row, column));
    }
  }
  return values;
}

std::vector<float> copy(const TensorView<const float, 1>& vector) {
  std::vector<float> values;
  for (std::int64_t i = 0; i < vector.extent(0); ++i) values.push_back(vector(i));
  return values;
}

}  // namespace

Model::Model(const ModelShape& model_shape, const IndexerWeights& weights,
             const Recipe& model_recipe)
    : shape(model_shape), recipe(model_recipe) {
  shape.validate();
  validate(shape, weights);
  wq_b = copy(weights.wq_b);
  wq_b_scale = copy(weights.wq_b_scale);
  wq_b_bf16 = copy(weights.wq_b_bf16);
  wq_b_e4m3 = copy(weights.wq_b_e4m3);
  wq_b_block_scale = copy(weights.wq_b_block_scale);
  for (const std::uint8_t byte : copy(weights.wq_b_block_exponent)) {
    wq_b_block_scale.push_back(from_e8m0(byte));
  }
  weights_proj = copy(weights.weights_proj);
  wkv = copy(weights.wkv);
  wgate = copy(weights.wgate);
  ape = copy(weights.ape);
  const std::vector<float> norms = copy(weights.norm);
  std::copy(norms.begin(), norms.end(), norm.begin());
  hadamard = HadamardMatrix::from(weights.hadamard);
}

}  // namespace fulgurite::reference
