#pragma once

#include <bit>
#include <cstdint>

namespace fulgurite {

/// bfloat16: the upper half of an fp32. Comparison is of bits.
struct Bf16 {
  std::uint16_t bits = 0;
  friend constexpr bool operator==(Bf16, Bf16) = default;
};

/// IEEE 754 binary16. Comparison is of bits.
struct F16 {
  std::uint16_t bits = 0;
  friend constexpr bool operator==(F16, F16) = default;
};

/// The one NaN that is ever written; see docs/numerics.md.
inline constexpr std::uint32_t kNanBits = 0x7fc00000;
inline constexpr std::uint16_t kBf16NanBits = 0x7fc0;

constexpr bool is_nan(float x) { return x != x; }
constexpr bool is_finite(float x) {
  return (std::bit_cast<std::uint32_t>(x) & 0x7f800000) != 0x7f800000;
}
constexpr bool is_finite(Bf16 x) { return (x.bits & 0x7f80) != 0x7f80; }

/// x, with every NaN replaced by the canonical one.
constexpr float canonical(float x) { return is_nan(x) ? std::bit_cast<float>(kNanBits) : x; }

constexpr float to_float(Bf16 x) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(x.bits) << 16);
}

/// Nearest, ties to even; denormals are kept, every NaN becomes 0x7fc0.
constexpr Bf16 to_bf16(float x) {
  if (is_nan(x)) return {kBf16NanBits};
  const auto bits = std::bit_cast<std::uint32_t>(x);
  return {static_cast<std::uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16)};
}

constexpr float round_to_bf16(float x) { return to_float(to_bf16(x)); }

constexpr float to_float(F16 x) {
  const std::uint32_t sign = static_cast<std::uint32_t>(x.bits & 0x8000) << 16;
  const std::uint32_t exponent = (x.bits >> 10) & 0x1f;
  const std::uint32_t mantissa = x.bits & 0x3ff;
  if (exponent == 0x1f) {
    return std::bit_cast<float>(mantissa != 0 ? kNanBits : (sign | 0x7f800000));
  }
  if (exponent == 0) {  // zero or subnormal: mantissa * 2^-24, exact
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24F;
    return sign != 0 ? -magnitude : magnitude;
  }
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
}

/// Nearest, ties to even; overflow to infinity, subnormals kept, every NaN becomes 0x7e00.
constexpr F16 to_f16(float x) {
  if (is_nan(x)) return {0x7e00};
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000);
  const std::uint32_t magnitude = bits & 0x7fffffff;
  if (magnitude >= 0x477ff000) return {static_cast<std::uint16_t>(sign | 0x7c00)};
  if (magnitude >= 0x38800000) {  // normal
    const std::uint32_t rebased = magnitude - (112U << 23);
    return {static_cast<std::uint16_t>(sign | ((rebased + 0xfff + ((rebased >> 13) & 1)) >> 13))};
  }
  if (magnitude < 0x33000000) return {sign};            // below half of the smallest subnormal
  const std::uint32_t shift = 126 - (magnitude >> 23);  // 14..24
  const std::uint32_t mantissa = (magnitude & 0x7fffff) | 0x800000;
  const std::uint32_t half = 1U << (shift - 1);
  const std::uint32_t odd = (mantissa >> shift) & 1;
  return {static_cast<std::uint16_t>(sign | ((mantissa + half - 1 + odd) >> shift))};
}

}  // namespace fulgurite
