#include "fulgurite/dtype.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace fulgurite {
namespace {

TEST(Bf16, EveryValueSurvivesTheWayThroughFloat) {
  for (std::uint32_t bits = 0; bits <= 0xffff; ++bits) {
    const Bf16 x{static_cast<std::uint16_t>(bits)};
    if (is_nan(to_float(x))) {
      EXPECT_EQ(to_bf16(to_float(x)).bits, kBf16NanBits);
    } else {
      EXPECT_EQ(to_bf16(to_float(x)), x);
    }
  }
}

TEST(Bf16, RoundsToNearestAndTiesToEven) {
  for (std::uint32_t bits = 0; bits < 0x7f80; ++bits) {
    const auto low = static_cast<double>(to_float(Bf16{static_cast<std::uint16_t>(bits)}));
    // The exact midpoint to the next value goes to the even one; its neighbours to the nearer.
    const float middle = std::bit_cast<float>((bits << 16) | 0x8000);
    const auto even = static_cast<std::uint16_t>(bits + (bits & 1));
    EXPECT_EQ(to_bf16(middle).bits, even);
    EXPECT_EQ(to_bf16(std::nextafter(middle, -1.F)).bits, bits);
    EXPECT_EQ(to_bf16(std::nextafter(middle, std::numeric_limits<float>::infinity())).bits,
              bits + 1);
    EXPECT_LE(low, static_cast<double>(middle));
  }
}

TEST(F16, EveryValueSurvivesTheWayThroughFloat) {
  for (std::uint32_t bits = 0; bits <= 0xffff; ++bits) {
    const F16 x{static_cast<std::uint16_t>(bits)};
    if (is_nan(to_float(x))) {
      EXPECT_EQ(to_f16(to_float(x)).bits, 0x7e00);
    } else {
      EXPECT_EQ(to_f16(to_float(x)), x);
    }
  }
}

TEST(F16, RoundsToNearestAndTiesToEven) {
  for (std::uint32_t bits = 0; bits < 0x7bff; ++bits) {
    const float low = to_float(F16{static_cast<std::uint16_t>(bits)});
    const float high = to_float(F16{static_cast<std::uint16_t>(bits + 1)});
    const float middle = low + (high - low) / 2;  // exact: F16 has 13 bits less than fp32
    EXPECT_EQ(to_f16(middle).bits, bits + (bits & 1)) << bits;
    EXPECT_EQ(to_f16(std::nextafter(middle, 0.F)).bits, bits);
    EXPECT_EQ(to_f16(std::nextafter(middle, 1e9F)).bits, bits + 1);
  }
  EXPECT_EQ(to_f16(65519.9F).bits, 0x7bff);
  EXPECT_EQ(to_f16(65520.F).bits, 0x7c00);
}

}  // namespace
}  // namespace fulgurite
