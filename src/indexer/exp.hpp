#pragma once

#include <bit>
#include <cstdint>

namespace fulgurite::reference {

/// e^x in fp32, operation by operation, so that every instruction set gives the same bits. Within 1
/// ulp of the true value for every x; exp(-inf) = +0, overflow is +inf, NaN stays NaN.
///
/// x = n ln2 + r with |r| <= 0.35; e^r = 1 + (r + (r^2 p(r) + lost)) with the Taylor coefficients
/// 1/2! .. 1/7! rounded to fp32, where `lost` is what rounding r has lost.
inline float exp(float x) {
  constexpr float kLog2E = 0x1.715476p+0F;
  constexpr float kLn2High = 0x1.63p-1F;         // 9 bits: n * kLn2High is exact
  constexpr float kLn2Low = -0x1.bd0106p-13F;    // ln2 - kLn2High
  constexpr float kRoundToInteger = 0x1.8p+23F;  // adding it leaves an integer in the low bits
  constexpr float kLowest = -104.F;              // e^x rounds to 0 from here on
  constexpr float kHighest = 89.F;               // e^x overflows from here on

  const float clamped = x < kLowest ? kLowest : x > kHighest ? kHighest : x;
  const float shifted = clamped * kLog2E + kRoundToInteger;
  const float n = shifted - kRoundToInteger;
  const float high = clamped - n * kLn2High;
  const float low = n * kLn2Low;
  const float r = high - low;
  const float lost = (high - r) - low;

  float p = 0x1.a01a02p-13F;
  p = p * r + 0x1.6c16c2p-10F;
  p = p * r + 0x1.111112p-7F;
  p = p * r + 0x1.555556p-5F;
  p = p * r + 0x1.555556p-3F;
  p = p * r + 0.5F;
  const float y = 1.F + (r + ((r * r) * p + lost));

  // 2^n in two factors, so that a denormal result is rounded once and 2^128 can be reached. A NaN
  // makes the exponents meaningless, and stays NaN in the products.
  const std::uint32_t exponent =
      std::bit_cast<std::uint32_t>(shifted) - std::bit_cast<std::uint32_t>(kRoundToInteger);
  const auto half = static_cast<std::uint32_t>(static_cast<std::int32_t>(exponent) >> 1);
  const float scale_a = std::bit_cast<float>((half + 127) << 23);
  const float scale_b = std::bit_cast<float>((exponent - half + 127) << 23);
  return (y * scale_a) * scale_b;
}

}  // namespace fulgurite::reference
