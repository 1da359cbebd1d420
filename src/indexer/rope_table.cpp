#include "indexer/rope_table.hpp"

#include <bit>
#include <cmath>

namespace fulgurite {
namespace {

// The bits are part of the definition: computing them needs a pow() that no standard pins down.
constexpr std::array<std::uint32_t, kRopePairs> kInverseFrequencyBits = {
    0x3f800000, 0x3f300a3a, 0x3ef21c1f, 0x3ea67d01, 0x3e64f92e, 0x3e1d7475, 0x3dd88cb4, 0x3d94e963,
    0x3d4ccccd, 0x3d0cd4fb, 0x3cc1b019, 0x3c8530ce, 0x3c372dbf, 0x3bfbed88, 0x3bad3d5e, 0x3b6e4237,
    0x3b147ae1, 0x3ab714e0, 0x3a5ebdb6, 0x3a0530ce, 0x399bb3af, 0x39305978, 0x38be904d, 0x383e9b5f,
    0x37a3d70c, 0x36b443d0, 0x3677eba6, 0x362a7be8, 0x35ea77ff, 0x35a13bdc, 0x355dbf30, 0x35187c4d};

}  // namespace

RopeAngle rope_angle(std::int64_t position) {
  RopeAngle result;
  for (std::size_t i = 0; i < kRopePairs; ++i) {
    const float angle =
        static_cast<float>(position) * std::bit_cast<float>(kInverseFrequencyBits[i]);
    result.cos[i] = static_cast<float>(std::cos(static_cast<double>(angle)));
    result.sin[i] = static_cast<float>(std::sin(static_cast<double>(angle)));
  }
  return result;
}

}  // namespace fulgurite
