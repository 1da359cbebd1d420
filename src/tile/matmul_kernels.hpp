#pragma once

#include <cstdint>

#include "fulgurite/dtype.hpp"
#include "tile/shape.hpp"

namespace fulgurite::tile::detail {

/// A product of row-major matrices, a [M,K], b [K,N], c [M,N].
struct MatmulSize {
  Index m;
  Index k;
  Index n;
};

/// c += a * b, exact modulo 2^32.
void multiply(const MatmulSize& size, const std::int8_t* a, const std::int8_t* b, std::int32_t* c);

/// c[i,j] continues reference::dot over k: for each pair, the odd element first, one fused
/// multiply-add each, denormals count as zero of their sign. k is even.
void multiply(const MatmulSize& size, const Bf16* a, const Bf16* b, float* c);

}  // namespace fulgurite::tile::detail
