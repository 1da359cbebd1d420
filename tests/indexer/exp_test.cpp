#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "exp_error.hpp"

namespace fulgurite::reference {
namespace {

TEST(Exp, is_within_one_ulp_of_every_strided_value) {
  constexpr std::uint32_t kStep = 997;
  EXPECT_LT(worst_error(0.0F, kLargestExponent, kStep), 1);
  EXPECT_LT(worst_error(-0.0F, kSmallestExponent, kStep), 1);
}

TEST(Exp, is_zero_below_its_range_and_infinite_above) {
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(exp(kLargestExponent) < infinity, true);
  EXPECT_EQ(exp(std::nextafter(kLargestExponent, infinity)), infinity);
  EXPECT_EQ(exp(infinity), infinity);
  EXPECT_EQ(exp(std::numeric_limits<float>::max()), infinity);
  for (const float x : {-104.0F, -1000.0F, -std::numeric_limits<float>::max(), -infinity}) {
    EXPECT_EQ(std::bit_cast<std::uint32_t>(exp(x)), 0U) << x;
  }
  EXPECT_EQ(exp(-103.0F), std::numeric_limits<float>::denorm_min());
}

TEST(Exp, is_one_at_zero_and_keeps_nan) {
  EXPECT_EQ(exp(0.0F), 1.0F);
  EXPECT_EQ(exp(-0.0F), 1.0F);
  EXPECT_EQ(exp(std::numeric_limits<float>::denorm_min()), 1.0F);
  for (const std::uint32_t nan : {0x7fc00000U, 0xffc00000U, 0x7f800001U, 0xffffffffU}) {
    EXPECT_TRUE(std::isnan(exp(std::bit_cast<float>(nan)))) << nan;
  }
}

}  // namespace
}  // namespace fulgurite::reference
