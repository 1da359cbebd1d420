#include <algorithm>
#include <cstddef>

#include "indexer/arithmetic.hpp"
#include "indexer/stages.hpp"

namespace fulgurite::reference {
namespace {

void butterflies(Row& row, float factor) {
  for (std::size_t step = 1; step < kHeadDim; step *= 2) {
    for (std::size_t i = 0; i < kHeadDim; ++i) {
      if ((i & step) != 0) continue;
      const float a = row[i];
      const float b = row[i | step];
      row[i] = a + b;
      row[i | step] = a - b;
    }
  }
  for (float& x : row) x = x * factor;
}

}  // namespace

void multiply_hadamard(Row& row, const HadamardMatrix& matrix) {
  if (matrix.butterflies) {
    butterflies(row, matrix.factor);
    return;
  }
  std::array<Bf16, kHeadDim> features;
  std::transform(row.begin(), row.end(), features.begin(), to_bf16);
  const std::span<const Bf16> columns(matrix.columns);
  for (std::size_t column = 0; column < kHeadDim; ++column) {
    row[column] = dot(features, columns.subspan(column * kHeadDim, kHeadDim));
  }
}

}  // namespace fulgurite::reference
