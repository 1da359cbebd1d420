#pragma once

#include "cpu/kernels.hpp"
#include "every_isa.hpp"
#include "indexer/rotation.hpp"

namespace fulgurite::cpu {

/// Sylvester's matrix times some factor, or a general one.
inline HadamardMatrix draw_matrix(Draw& draw) {
  HadamardMatrix matrix;
  if (draw.one_in(2)) {
    if (draw.one_in(2)) matrix.factor = to_float(to_bf16(draw.normal()));
    return matrix;
  }
  matrix.butterflies = false;
  const int kind = draw.kind();
  for (int i = 0; i < kHeadDim * kHeadDim; ++i) {
    matrix.columns.push_back(to_bf16(draw.of_kind(kind)));
  }
  return matrix;
}

/// A Hadamard matrix as the kernels read it.
class PackedMatrix {
 public:
  explicit PackedMatrix(const HadamardMatrix& matrix)
      : rotation_{matrix.butterflies, matrix.factor, nullptr} {
    if (matrix.butterflies) return;
    for (std::size_t column = 0; column < kHeadDim; ++column) {
      for (std::size_t row = 0; row < kHeadDim; ++row) {
        lines_[column / 16 * 2048 + row / 2 * 32 + column % 16 * 2 + row % 2] =
            matrix.columns[column * kHeadDim + row].bits;
      }
    }
    rotation_.lines = lines_;
  }
  PackedMatrix(const PackedMatrix&) = delete;
  PackedMatrix& operator=(const PackedMatrix&) = delete;
  [[nodiscard]] const Rotation& rotation() const { return rotation_; }

 private:
  alignas(64) std::uint16_t lines_[kHeadDim * kHeadDim] = {};
  Rotation rotation_;
};

}  // namespace fulgurite::cpu
