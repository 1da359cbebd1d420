#include <string>

#include "core/checked.hpp"
#include "fulgurite/error.hpp"
#include "fulgurite/weights.hpp"
#include "indexer/small_floats.hpp"

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

template <class T, class IsFinite>
void check_each(const char* name, const TensorView<const T, 2>& matrix, const IsFinite& finite) {
  for (std::int64_t row = 0; row < matrix.extent(0); ++row) {
    for (std::int64_t column = 0; column < matrix.extent(1); ++column) {
      if (finite(matrix(row, column))) continue;
      not_finite(name, std::to_string(row) + "," + std::to_string(column));
    }
  }
}

template <class T>
void check_finite(const char* name, const TensorView<const T, 2>& matrix) {
  check_each(name, matrix, [](T x) { return is_finite(x); });
}

void check_finite(const char* name, const TensorView<const float, 1>& vector) {
  for (std::int64_t i = 0; i < vector.extent(0); ++i) {
    if (!is_finite(vector(i))) not_finite(name, std::to_string(i));
  }
}

void check_block_scales(const ModelShape& shape, const IndexerWeights& weights) {
  const std::int64_t blocks = core::divide_up(shape.query_rank, kScaleBlock);
  if (weights.wq_b_block_exponent.empty()) {
    check_shape("wq_b_block_scale", weights.wq_b_block_scale, {shape.heads, blocks});
    check_finite("wq_b_block_scale", weights.wq_b_block_scale);
    return;
  }
  if (!weights.wq_b_block_scale.empty()) {
    throw Error(ErrorKind::input, "wq_b_block_scale: expected F32 or E8M0 scales, found both");
  }
  check_shape("wq_b_block_exponent", weights.wq_b_block_exponent, {shape.heads, blocks});
  check_each("wq_b_block_exponent", weights.wq_b_block_exponent,
             [](std::uint8_t byte) { return !is_e8m0_nan(byte); });
}

void check_query_weights(const ModelShape& shape, const IndexerWeights& weights) {
  const int types = (weights.wq_b.empty() ? 0 : 1) + (weights.wq_b_bf16.empty() ? 0 : 1) +
                    (weights.wq_b_e4m3.empty() ? 0 : 1);
  if (types > 1) {
    throw Error(ErrorKind::input, "wq_b: expected INT8, BF16 or E4M3 weights, found several");
  }
  const std::array<std::int64_t, 2> matrix{shape.heads * kHeadDim, shape.query_rank};
  if (!weights.wq_b_e4m3.empty()) {
    check_shape("wq_b", weights.wq_b_e4m3, matrix);
    check_each("wq_b", weights.wq_b_e4m3, [](std::uint8_t byte) { return !is_e4m3_nan(byte); });
    check_block_scales(shape, weights);
  } else if (!weights.wq_b_bf16.empty()) {
    check_shape("wq_b", weights.wq_b_bf16, matrix);
    check_finite("wq_b", weights.wq_b_bf16);
  } else {
    check_shape("wq_b", weights.wq_b, matrix);
    check_shape("wq_b_scale", weights.wq_b_scale, {matrix[0]});
    check_finite("wq_b_scale", weights.wq_b_scale);
  }
}

}  // namespace

void validate(const ModelShape& shape, const IndexerWeights& weights) {
  check_query_weights(shape, weights);
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
