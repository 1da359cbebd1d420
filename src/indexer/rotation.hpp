#pragma once

#include <vector>

#include "fulgurite/dtype.hpp"
#include "fulgurite/model.hpp"
#include "fulgurite/tensor.hpp"

namespace fulgurite {

/// The Hadamard matrix of a model, as the step multiplies with it.
struct HadamardMatrix {
  bool butterflies = true;        ///< the matrix is factor * Sylvester's, element by element
  float factor = 0x1.6a09e6p-4F;  ///< 128^-0.5 in fp32, when no matrix is given
  std::vector<Bf16> columns;      ///< otherwise [128 columns][128], column by column

  /// An empty view stands for Sylvester's matrix * 128^-0.5.
  static HadamardMatrix from(TensorView<const Bf16, 2> matrix);
};

}  // namespace fulgurite
