#pragma once

#include <cstdint>
#include <random>

#include "fulgurite/dtype.hpp"

namespace fulgurite::cpu {

/// Values that make trouble, from a seed that a property test drew.
class RandomValues {
 public:
  explicit RandomValues(std::uint64_t seed) : engine_(seed) {}

  /// Uniform in 0..n-1.
  std::uint64_t below(std::uint64_t n) { return engine_() % n; }

  std::int8_t int8() {
    switch (below(8)) {
      case 0:
        return -128;
      case 1:
        return 127;
      default:
        return static_cast<std::int8_t>(below(256));
    }
  }

  /// bf16 of a kind. Sums of products of one kind are not always ruled by the largest of them:
  /// 0 ordinary, 1 products near 2^-126, 2 powers of two near 2^-63, 3 any finite value, 4
  /// denormals, 5 zeros of both signs. Kinds 6 and 7 are 0 and 3 with NaN and infinities now and
  /// then.
  Bf16 bf16(std::uint64_t kind) {
    const std::uint64_t sign = below(2) << 15;
    const std::uint64_t mantissa = below(128);
    switch (kind % kKinds) {
      case 0:
        return bits(sign | (115 + below(14)) << 7 | mantissa);
      case 1:
        return bits(sign | (58 + below(10)) << 7 | mantissa);
      case 2:
        return bits(sign | (52 + below(18)) << 7);
      case 3:
        return bits(sign | below(255) << 7 | mantissa);
      case 4:
        return bits(sign | mantissa);
      case 5:
        return bits(sign);
      default:
        if (below(50) == 0) return bits(sign | 0x7f80U | (below(2) * mantissa));
        return bf16(kind % kKinds == 6 ? 0 : 3);
    }
  }
  static constexpr std::uint64_t kKinds = 8;
  static constexpr std::uint64_t kFiniteKinds = 6;

  /// A scale: mostly ordinary; else denormal, huge, zero or of either sign, and finite.
  float finite_scale() {
    const auto ordinary = static_cast<float>(1 + below(1000)) * 0x1p-16F;
    switch (below(8)) {
      case 0:
        return ordinary * 0x1p-126F;
      case 1:
        return ordinary * 0x1p120F;
      case 2:
        return below(2) == 0 ? 0.F : -ordinary;
      case 3:
        return ordinary * 0x1p-140F;
      default:
        return ordinary;
    }
  }

 private:
  static Bf16 bits(std::uint64_t bits) { return {static_cast<std::uint16_t>(bits)}; }
  std::mt19937_64 engine_;
};

}  // namespace fulgurite::cpu
