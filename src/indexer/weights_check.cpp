#include <string>

#include "fulgurite/error.hpp"
#include "fulgurite/weights.hpp"

namespace fulgurite {
namespace {

template <class T, std::size_t Rank>
void check_shape(const char* name, const TensorView<const T, Rank>& tensor,
                 const typename TensorView<const T, Rank>::Shape& shape) {
  detail::expect_shape(name, shape, tensor.shape());
  if (tensor.empty())
    throw Error(ErrorKind::input, std::string(name) + ": expected data, found none");
}

[[noreturn]] void not_finite(const char* name, const std::string& index) {
  throw Error(
      ErrorKind::input,
      std::string(name) + ": expected finite values, found NaN or infinity at [" + index + "]");
}

template <class T>
void check_finite(const char* name, const TensorView<const T, 2>& matrix) {
  for (std::int64_t row = 0; row < matrix.extent(0); ++row) {
    for (std::int64_t column = 0; column < matrix.extent(1); ++column) {
      if (is_finite(matrix(row, column))) continue;
      not_finite(name, std::to_string(row) + "," + std::to_string(column));
    }
  }
}

void check_finite(const char* name, const TensorView<const float, 1>& vector) {
  for (std::int64_t i = 0; i < vector.extent(0); ++i) {
    if (!is_finite(vector(i))) not_finite(name, std::to_string(i));
  }
}

}  // namespace

void validate(const ModelShape& shape, const IndexerWeights& weights) {
  const std::int64_t features = shape.heads * kHeadDim;
  if (weights.wq_b_bf16.empty()) {
    check_shape("wq_b", weights.wq_b, {features, shape.query_rank});
    check_shape("wq_b_scale", weights.wq_b_scale, {features});
    check_finite("wq_b_scale", weights.wq_b_scale);
  } else {
    if (!weights.wq_b.empty()) {
      throw Error(ErrorKind::input, "wq_b: expected INT8 or BF16 weights, found both");
    }
    check_shape("wq_b", weights.wq_b_bf16, {features, shape.query_rank});
    check_finite("wq_b", weights.wq_b_bf16);
  }
  check_shape("weights_proj", weights.weights_proj, {shape.heads, shape.hidden});
  check_shape("wkv", weights.wkv, {kStateWidth, shape.hidden});
  check_shape("wgate", weights.wgate, {kStateWidth, shape.hidden});
  check_shape("ape", weights.ape, {kRatio, kStateWidth});
  check_shape("norm", weights.norm, {kHeadDim});
  check_finite("weights_proj", weights.weights_proj);
  check_finite("wkv", weights.wkv);
  check_finite("wgate", weights.wgate);
  check_finite("ape", weights.ape);
  check_finite("norm", weights.norm);
  if (!weights.hadamard.empty()) {
    check_shape("hadamard", weights.hadamard, {kHeadDim, kHeadDim});
    check_finite("hadamard", weights.hadamard);
  }
}

}  // namespace fulgurite
