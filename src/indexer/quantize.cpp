#include <algorithm>
#include <bit>
#include <cmath>

#include "indexer/stages.hpp"

namespace fulgurite::reference {

EncodedRow quantize(const Row& row) {
  constexpr float kLargestCode = 127.F;
  constexpr float kSmallestAmax = 1e-4F;
  EncodedRow encoded;
  float amax = kSmallestAmax;
  for (const float x : row) {
    if (!is_finite(x)) {
      encoded.scale = std::bit_cast<float>(kNanBits);
      return encoded;
    }
    amax = std::max(amax, std::fabs(x));
  }
  const float s = kLargestCode / amax;
  std::transform(row.begin(), row.end(), encoded.codes.begin(), [s](float x) {
    return static_cast<std::int8_t>(std::nearbyint(x * s));  // ties to even
  });
  encoded.scale = 1.F / s;
  return encoded;
}

}  // namespace fulgurite::reference
