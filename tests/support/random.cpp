#include "support/random.hpp"

#include <algorithm>
#include <bit>
#include <cstdlib>

namespace fulgurite::testing {
namespace {

float any_bits(Random& random) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(random.bits()));
}

}  // namespace

std::int64_t share_of(std::int64_t count) {
  const char* const percent = std::getenv("FULGURITE_TEST_PERCENT");
  if (percent == nullptr) return count;
  return std::max<std::int64_t>(count * std::strtol(percent, nullptr, 10) / 100, 1);
}

float Random::value(Values values) {
  switch (values) {
    case Values::normal: {
      float sum = 0;
      for (int i = 0; i < 6; ++i) sum += static_cast<float>(integer(-4096, 4096)) * 0x1p-12F;
      return sum * 0.7F;
    }
    case Values::grid:
      return static_cast<float>(integer(-8, 8)) / 8;
    case Values::extreme: {
      if (chance(10)) return chance(2) ? 0.F : -0.F;
      if (chance(3)) return value(Values::normal);
      for (;;) {
        const float x = any_bits(*this);
        if (is_finite(x)) return x;
      }
    }
    case Values::wild:
      return chance(40) ? std::bit_cast<float>(0x7f800000 |
                                               static_cast<std::uint32_t>(bits() & 0x80400001))
                        : value(Values::extreme);
  }
  return 0;
}

Bf16 Random::bf16(Values values) {
  for (;;) {
    const Bf16 x{static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value(values)) >> 16)};
    if (values == Values::wild || is_finite(x)) return x;
  }
}

std::vector<float> Random::floats(std::int64_t count, Values values) {
  std::vector<float> result;
  for (std::int64_t i = 0; i < count; ++i) result.push_back(value(values));
  return result;
}

std::vector<Bf16> Random::bf16s(std::int64_t count, Values values) {
  std::vector<Bf16> result;
  for (std::int64_t i = 0; i < count; ++i) result.push_back(bf16(values));
  return result;
}

std::vector<std::int8_t> Random::codes(std::int64_t count) {
  std::vector<std::int8_t> result;
  for (std::int64_t i = 0; i < count; ++i) result.push_back(code());
  return result;
}

}  // namespace fulgurite::testing
