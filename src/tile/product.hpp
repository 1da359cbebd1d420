#pragma once

#include <cstdint>

#include "fulgurite/dtype.hpp"
#include "tile/matmul_kernels.hpp"
#include "tile/shape.hpp"

namespace fulgurite::tile::detail {

/// A product of row-major matrices, a [M,K], b [K,N], c [M,N].
struct ProductSize {
  Index m;
  Index k;
  Index n;
};

/// The kernels of this machine.
const MatmulKernels& best_matmul();

/// c += a * b, exact modulo 2^32.
void multiply(const ProductSize& size, const std::int8_t* a, const std::int8_t* b, std::int32_t* c,
              const MatmulKernels& kernels = best_matmul());

/// c[i,j] continues reference::dot over k; K is even.
void multiply(const ProductSize& size, const Bf16* a, const Bf16* b, float* c,
              const MatmulKernels& kernels = best_matmul());

}  // namespace fulgurite::tile::detail
