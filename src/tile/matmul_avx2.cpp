// Compiled with -mavx2 -mfma.
#include <immintrin.h>

#include <cstdint>

namespace fulgurite::tile::detail {
namespace {

struct Vectors {
  static constexpr int kLanes = 8;
  using Integers = __m256i;
  using Floats = __m256;

  static Integers load(const std::int32_t* from) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  }
  static Floats load(const float* from) { return _mm256_loadu_ps(from); }
  static void store(std::int32_t* to, Integers x) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), x);
  }
  static void store(float* to, Floats x) { _mm256_storeu_ps(to, x); }
  static Integers broadcast(std::int32_t x) { return _mm256_set1_epi32(x); }
  static Floats broadcast(float x) { return _mm256_set1_ps(x); }
  static Integers multiply_pairs(Integers acc, Integers a, Integers b) {
    return _mm256_add_epi32(acc, _mm256_madd_epi16(a, b));
  }
  static Floats multiply(Floats acc, Floats a, Floats b) { return _mm256_fmadd_ps(a, b, acc); }
};

}  // namespace
}  // namespace fulgurite::tile::detail

#include "tile/matmul-inl.hpp"

namespace fulgurite::tile::detail {

const MatmulKernels kAvx2Matmul{multiply_i16, multiply_f32, true};

}  // namespace fulgurite::tile::detail
