#pragma once

#include <cstdint>

#include "fulgurite/dtype.hpp"
#include "fulgurite/model.hpp"
#include "fulgurite/tensor.hpp"

namespace fulgurite {

/// The weights of one indexer, as views of the caller's memory in checkpoint orientation [out, in].
/// A matrix stored as [in, out] is given by view.transposed(). All values must be finite.
struct IndexerWeights {
  /// [H*128, Q]; feature h*128 + i is head h, feature i. Of one type: INT8 with a scale for each
  /// feature, for which the batch's qr is INT8, too; or BF16, or E4M3 with a scale for each block
  /// of 128 x 128, for which it is BF16.
  TensorView<const std::int8_t, 2> wq_b = {};
  TensorView<const float, 1> wq_b_scale = {};  ///< [H*128]
  TensorView<const Bf16, 2> wq_b_bf16 = {};
  TensorView<const std::uint8_t, 2> wq_b_e4m3 = {};  ///< bytes; 0x7f and 0xff are NaN
  /// [H, Q/128 rounded up]: of head h and features 128b .. 128b+127 of qr. As fp32, or as the bytes
  /// of E8M0, which stand for 2^(byte - 127), 255 for NaN.
  TensorView<const float, 2> wq_b_block_scale = {};
  TensorView<const std::uint8_t, 2> wq_b_block_exponent = {};
  TensorView<const Bf16, 2> weights_proj;  ///< [H, D]
  TensorView<const Bf16, 2> wkv;    ///< [256, D]; rows 0..127 feed the next window's key row,
  TensorView<const Bf16, 2> wgate;  ///< [256, D]; rows 128..255 the current window's
  TensorView<const float, 2> ape;   ///< [4, 256], by position mod 4
  TensorView<const float, 1> norm;  ///< [128]
  TensorView<const Bf16, 2> hadamard = {};  ///< [128, 128]; empty: Sylvester * 128^-0.5
};

/// Throws Error(input) that names the tensor unless every shape fits and every value is finite.
FULGURITE_API void validate(const ModelShape& shape, const IndexerWeights& weights);

}  // namespace fulgurite
