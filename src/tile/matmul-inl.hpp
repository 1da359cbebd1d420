// The loops of matmul over the vectors of an instruction set. The includer defines, in an anonymous
// namespace, struct Vectors with
//   kLanes; Integers and Floats of kLanes 32-bit lanes; load, store and broadcast of both;
//   multiply_pairs(acc, a, b): each lane's two int16 products, added to it;
//   multiply(acc, a, b): acc + a * b.
// Four rows share the vectors of b; every lane runs over k in order.

#include <cstdint>

#include "tile/matmul_kernels.hpp"

namespace fulgurite::tile::detail {
namespace {

constexpr int kVectors = kMatmulColumns / Vectors::kLanes;

void multiply_i16(const PackedMatmul& size, std::int32_t* c) {
  for (std::int64_t column = 0; column < size.n; column += kMatmulColumns) {
    const auto* const b = static_cast<const std::int32_t*>(size.b) + column * size.pairs;
    for (std::int64_t row = 0; row < size.m; row += kMatmulRows) {
      const auto* const a = static_cast<const std::int32_t*>(size.a) + row * size.pairs;
      std::int32_t* const to = c + row * size.n + column;
      Vectors::Integers sums[kMatmulRows][kVectors];
      for (int i = 0; i < kMatmulRows; ++i) {
        for (int v = 0; v < kVectors; ++v) {
          sums[i][v] = Vectors::load(to + i * size.n + v * Vectors::kLanes);
        }
      }
      for (std::int64_t pair = 0; pair < size.pairs; ++pair) {
        Vectors::Integers line[kVectors];
        for (int v = 0; v < kVectors; ++v) {
          line[v] = Vectors::load(b + pair * kMatmulColumns + v * Vectors::kLanes);
        }
        for (int i = 0; i < kMatmulRows; ++i) {
          const Vectors::Integers left = Vectors::broadcast(a[i * size.pairs + pair]);
          for (int v = 0; v < kVectors; ++v) {
            sums[i][v] = Vectors::multiply_pairs(sums[i][v], left, line[v]);
          }
        }
      }
      for (int i = 0; i < kMatmulRows; ++i) {
        for (int v = 0; v < kVectors; ++v) {
          Vectors::store(to + i * size.n + v * Vectors::kLanes, sums[i][v]);
        }
      }
    }
  }
}

void multiply_f32(const PackedMatmul& size, float* c) {
  for (std::int64_t column = 0; column < size.n; column += kMatmulColumns) {
    const auto* const b = static_cast<const float*>(size.b) + column * size.pairs * 2;
    for (std::int64_t row = 0; row < size.m; row += kMatmulRows) {
      const auto* const a = static_cast<const float*>(size.a) + row * size.pairs * 2;
      float* const to = c + row * size.n + column;
      Vectors::Floats sums[kMatmulRows][kVectors];
      for (int i = 0; i < kMatmulRows; ++i) {
        for (int v = 0; v < kVectors; ++v) {
          sums[i][v] = Vectors::load(to + i * size.n + v * Vectors::kLanes);
        }
      }
      for (std::int64_t pair = 0; pair < size.pairs; ++pair) {
        for (int odd = 1; odd >= 0; --odd) {
          const std::int64_t k = 2 * pair + odd;
          Vectors::Floats line[kVectors];
          for (int v = 0; v < kVectors; ++v) {
            line[v] = Vectors::load(b + k * kMatmulColumns + v * Vectors::kLanes);
          }
          for (int i = 0; i < kMatmulRows; ++i) {
            const Vectors::Floats left = Vectors::broadcast(a[i * size.pairs * 2 + k]);
            for (int v = 0; v < kVectors; ++v) {
              sums[i][v] = Vectors::multiply(sums[i][v], left, line[v]);
            }
          }
        }
      }
      for (int i = 0; i < kMatmulRows; ++i) {
        for (int v = 0; v < kVectors; ++v) {
          Vectors::store(to + i * size.n + v * Vectors::kLanes, sums[i][v]);
        }
      }
    }
  }
}

}  // namespace
}  // namespace fulgurite::tile::detail
