#include "indexer/rotation.hpp"

#include <bit>
#include <cstdint>

namespace fulgurite {
namespace {

bool is_sylvester(TensorView<const Bf16, 2> matrix) {
  const float factor = to_float(matrix(0, 0));
  for (std::int64_t row = 0; row < kHeadDim; ++row) {
    for (std::int64_t column = 0; column < kHeadDim; ++column) {
      const bool odd = std::popcount(static_cast<std::uint64_t>(row & column)) % 2 != 0;
      if (to_float(matrix(row, column)) != (odd ? -factor : factor)) return false;
    }
  }
  return true;
}

}  // namespace

HadamardMatrix HadamardMatrix::from(TensorView<const Bf16, 2> matrix) {
  HadamardMatrix result;
  if (matrix.empty()) return result;
  result.butterflies = is_sylvester(matrix);
  result.factor = to_float(matrix(0, 0));
  if (result.butterflies) return result;
  result.columns.reserve(static_cast<std::size_t>(kHeadDim) * kHeadDim);
  for (std::int64_t column = 0; column < kHeadDim; ++column) {
    for (std::int64_t row = 0; row < kHeadDim; ++row) {
      result.columns.push_back(matrix(row, column));
    }
  }
  return result;
}

}  // namespace fulgurite
