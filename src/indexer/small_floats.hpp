#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

// The formats of 4 and 8 bits: e2m1 in blocks with a power of two, e4m3, and e8m0 scales.

namespace fulgurite {

inline constexpr std::size_t kE2m1Block = 32;     ///< features that share a scale
inline constexpr std::int64_t kScaleBlock = 128;  ///< features of qr that do, for weights of e4m3

/// By code 0..7; bit 3 of a code is the sign.
inline constexpr std::array<float, 8> kE2m1Numbers{0, 0.5F, 1, 1.5F, 2, 3, 4, 6};

/// The code of the nearest number to a magnitude, ties to the even code; beyond 6 it is 7.
constexpr std::size_t e2m1_code(float magnitude) {
  // Halfway to the next number; a tie goes up only from an odd code.
  constexpr std::array<float, 7> kHalfway{0.25F, 0.75F, 1.25F, 1.75F, 2.5F, 3.5F, 5};
  std::size_t code = 0;
  while (code < kHalfway.size() &&
         (magnitude > kHalfway[code] || (magnitude == kHalfway[code] && code % 2 != 0))) {
    ++code;
  }
  return code;
}

/// The smallest power of two that is at least x, a positive normal number.
constexpr float power_of_two_at_least(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  return std::bit_cast<float>((bits + 0x7fffff) & 0x7f800000);
}

/// The nearest e4m3 number to |x| <= 448, ties to even; the smallest is 2^-9.
constexpr float round_to_e4m3(float x) {
  constexpr std::uint32_t kSmallestNormal = 121U << 23;  // 2^-6
  constexpr float kToMultiplesOf2ToMinus9 = 0x1.8p14F;   // adding it leaves no finer bits
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t sign = bits & 0x80000000;
  const std::uint32_t magnitude = bits & 0x7fffffff;
  std::uint32_t rounded = (magnitude + 0x7ffff + (magnitude >> 20 & 1)) & 0xfff00000;
  if (magnitude < kSmallestNormal) {
    rounded = std::bit_cast<std::uint32_t>(
        (std::bit_cast<float>(magnitude) + kToMultiplesOf2ToMinus9) - kToMultiplesOf2ToMinus9);
  }
  return std::bit_cast<float>(sign | rounded);
}

constexpr bool is_e4m3_nan(std::uint8_t code) { return (code & 0x7f) == 0x7f; }

/// The number of an e4m3 byte; 0x7f and 0xff are NaN.
constexpr float from_e4m3(std::uint8_t code) {
  const int exponent = (code >> 3) & 15;
  const int mantissa = code & 7;
  if (is_e4m3_nan(code)) return std::bit_cast<float>(0x7fc00000);
  // 2^(exponent - 7) * (1 + mantissa / 8), or 2^-6 * mantissa / 8 below the normal numbers.
  const int steps = exponent == 0 ? mantissa : 8 + mantissa;
  const float unit =
      std::bit_cast<float>(static_cast<std::uint32_t>(127 + std::max(exponent, 1) - 10) << 23);
  const float magnitude = static_cast<float>(steps) * unit;
  return (code & 0x80) != 0 ? -magnitude : magnitude;
}

/// The byte of a number that e4m3 has; -0 keeps its sign.
constexpr std::uint8_t to_e4m3(float number) {
  const auto bits = std::bit_cast<std::uint32_t>(number);
  const std::uint32_t sign = bits >> 24 & 0x80;
  const std::uint32_t exponent = bits >> 23 & 255;
  constexpr std::uint32_t kSmallestNormal = 127 - 6;
  if (exponent >= kSmallestNormal) {
    return static_cast<std::uint8_t>(sign | (exponent - 120) << 3 | (bits >> 20 & 7));
  }
  const float magnitude = sign != 0 ? -number : number;
  return static_cast<std::uint8_t>(sign | static_cast<std::uint32_t>(magnitude * 512));
}

constexpr bool is_e8m0_nan(std::uint8_t byte) { return byte == 255; }

/// 2^(byte - 127), for a byte that is no NaN.
constexpr float from_e8m0(std::uint8_t byte) {
  constexpr std::uint32_t kHalfOfSmallestNormal = 0x00400000;
  return std::bit_cast<float>(byte == 0 ? kHalfOfSmallestNormal
                                        : static_cast<std::uint32_t>(byte) << 23);
}

}  // namespace fulgurite
