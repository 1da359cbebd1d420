#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "fulgurite/dtype.hpp"

namespace fulgurite::testing {

/// How the values of a test lie.
enum class Values {
  normal,   ///< roughly Gaussian, around 1
  grid,     ///< k/8 with |k| <= 8: sums are exact, ties are frequent
  extreme,  ///< any finite exponent, zeros of both signs, denormals
  wild,     ///< extreme, and some NaN and infinities
};

/// Of `count` random cases, or of their length, the share that FULGURITE_TEST_PERCENT asks for:
/// all, if it is not set. CMakePresets.json sets it where a sanitizer makes each case many times
/// slower.
std::int64_t share_of(std::int64_t count);

/// Seeded values that do not depend on the standard library's distributions.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  std::uint64_t bits() { return engine_(); }
  /// Uniform in [least, most].
  std::int64_t integer(std::int64_t least, std::int64_t most) {
    return least + static_cast<std::int64_t>(bits() % static_cast<std::uint64_t>(most - least + 1));
  }
  bool chance(int one_in) { return integer(1, one_in) == 1; }

  float value(Values values);
  Bf16 bf16(Values values);
  std::int8_t code() { return static_cast<std::int8_t>(integer(-128, 127)); }

  std::vector<float> floats(std::int64_t count, Values values);
  std::vector<Bf16> bf16s(std::int64_t count, Values values);
  std::vector<std::int8_t> codes(std::int64_t count);

 private:
  std::mt19937_64 engine_;
};

}  // namespace fulgurite::testing
