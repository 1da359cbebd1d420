#include <cstdint>

namespace fulgurite::tile::detail {
namespace {

/// One lane: plain C++, for every machine.
struct Vectors {
  static constexpr int kLanes = 1;
  using Integers = std::int32_t;
  using Floats = float;

  static std::int32_t load(const std::int32_t* from) { return *from; }
  static float load(const float* from) { return *from; }
  static void store(std::int32_t* to, std::int32_t x) { *to = x; }
  static void store(float* to, float x) { *to = x; }
  static std::int32_t broadcast(std::int32_t x) { return x; }
  static float broadcast(float x) { return x; }
  static std::int32_t multiply_pairs(std::int32_t acc, std::int32_t a, std::int32_t b) {
    const auto low = [](std::int32_t x) { return static_cast<std::int16_t>(x & 0xffff); };
    const std::uint32_t products = static_cast<std::uint32_t>(low(a) * low(b)) +
                                   static_cast<std::uint32_t>((a >> 16) * (b >> 16));
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(acc) + products);
  }
  static float multiply(float acc, float a, float b) { return acc + a * b; }
};

}  // namespace
}  // namespace fulgurite::tile::detail

#include "tile/matmul-inl.hpp"

namespace fulgurite::tile::detail {

const MatmulKernels kGenericMatmul{multiply_i16, multiply_f32, false};

}  // namespace fulgurite::tile::detail
