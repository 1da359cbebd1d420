#include <algorithm>
#include <bit>
#include <cmath>

#include "indexer/small_floats.hpp"
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

EncodedRow quantize_e2m1(const Row& row) {
  EncodedRow encoded;
  encoded.scale = 1;
  if (!std::all_of(row.begin(), row.end(), [](float x) { return is_finite(x); })) {
    encoded.numbers.fill(std::bit_cast<float>(kNanBits));
    encoded.block_scales.fill(std::bit_cast<float>(kNanBits));
    return encoded;
  }
  for (std::size_t first = 0; first < kHeadDim; first += kE2m1Block) {
    float amax = 6 * 0x1p-126F;
    for (std::size_t i = first; i < first + kE2m1Block; ++i)
      amax = std::max(amax, std::fabs(row[i]));
    const float s = power_of_two_at_least(amax * (1.F / 6));
    encoded.block_scales[first / kE2m1Block] = s;
    for (std::size_t i = first; i < first + kE2m1Block; ++i) {
      const float magnitude = kE2m1Numbers[e2m1_code(std::fabs(row[i]) / s)];
      encoded.numbers[i] = magnitude == 0 ? 0.F : std::copysign(magnitude, row[i]) * s;
    }
  }
  return encoded;
}

EncodedRow quantize_e4m3(const Row& row, ScaleRule rule) {
  constexpr float kLargest = 448.F;
  EncodedRow encoded;
  float amax = 1e-4F;
  for (const float x : row) {
    if (!is_finite(x)) {
      encoded.scale = std::bit_cast<float>(kNanBits);
      return encoded;
    }
    amax = std::max(amax, std::fabs(x));
  }
  const bool is_ratio = rule == ScaleRule::ratio;
  encoded.scale = is_ratio ? amax / kLargest : power_of_two_at_least(amax * (1.F / kLargest));
  const float inverse = 1.F / encoded.scale;
  std::transform(row.begin(), row.end(), encoded.numbers.begin(), [&](float x) {
    const float scaled = is_ratio ? x * inverse : x / encoded.scale;
    return round_to_e4m3(std::clamp(scaled, -kLargest, kLargest));
  });
  return encoded;
}

EncodedRow quantize(const Recipe& recipe, const Row& row) {
  switch (recipe.row_format) {
    case RowFormat::int8:
      return quantize(row);
    case RowFormat::e2m1:
      return quantize_e2m1(row);
    case RowFormat::e4m3:
      return quantize_e4m3(row, recipe.scale_rule);
    case RowFormat::fp32:
      break;
  }
  EncodedRow encoded;
  encoded.numbers = row;
  encoded.scale = 1;
  return encoded;
}

}  // namespace fulgurite::reference
