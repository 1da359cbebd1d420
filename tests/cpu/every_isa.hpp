#pragma once

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "fulgurite/dtype.hpp"
#include "machine_kernels.hpp"

// Tests of the kernels run once for each set of kernels that this machine can execute.

namespace fulgurite::cpu {

inline void PrintTo(const NamedKernels& isa, std::ostream* out) { *out << isa.name; }

class EveryIsa : public testing::TestWithParam<NamedKernels> {
 protected:
  [[nodiscard]] const Kernels& kernels() const { return *GetParam().kernels; }
};
inline std::string isa_name(const testing::TestParamInfo<NamedKernels>& info) {
  return info.param.name;
}

/// Random values of a test: plain ones, and ones that break careless arithmetic.
class Draw {
 public:
  explicit Draw(std::uint64_t seed) : engine_(seed) {}
  /// low..high, both included.
  std::int64_t integer(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(engine_);
  }
  bool one_in(int n) { return integer(1, n) == 1; }
  float normal() { return std::normal_distribution<float>()(engine_); }
  float any_bits() { return std::bit_cast<float>(static_cast<std::uint32_t>(engine_())); }
  std::int8_t code() { return static_cast<std::int8_t>(integer(-128, 127)); }

  /// A value of the magnitude that `kind` names: 0 plain, 1 denormal, 2 tiny, 3 huge, 4 all zero,
  /// 5 any exponent.
  float of_kind(int kind) {
    switch (kind) {
      case 1:
        return normal() * 1e-39F;
      case 2:
        return normal() * 1e-30F;
      case 3:
        return normal() * 3e37F;
      case 4:
        return one_in(2) ? 0.0F : -0.0F;
      case 5:
        return std::ldexp(normal(), static_cast<int>(integer(-140, 120)));
      default:
        return normal();
    }
  }
  static constexpr int kKinds = 6;
  int kind() { return one_in(2) ? 0 : static_cast<int>(integer(0, kKinds - 1)); }
  float not_finite() {
    switch (integer(0, 2)) {
      case 0:
        return std::bit_cast<float>(0x7f800000);
      case 1:
        return std::bit_cast<float>(0xff800000);
      default:
        return std::bit_cast<float>(0xffc12345);
    }
  }

 private:
  std::mt19937_64 engine_;
};

/// The same bits, so that NaNs and the sign of zero count.
inline std::vector<std::uint32_t> bits_of(const std::vector<float>& values) {
  std::vector<std::uint32_t> bits(values.size());
  for (std::size_t i = 0; i < bits.size(); ++i) bits[i] = std::bit_cast<std::uint32_t>(values[i]);
  return bits;
}

}  // namespace fulgurite::cpu
