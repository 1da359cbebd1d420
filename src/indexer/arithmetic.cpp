#include "indexer/arithmetic.hpp"

#include <bit>
#include <cmath>

namespace fulgurite::reference {
namespace {

float flush_denormal(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const bool tiny = (bits & 0x7f800000) == 0;
  return tiny ? std::bit_cast<float>(bits & 0x80000000) : x;
}

}  // namespace

/// A result counts as denormal if it is below 2^-126 when rounded to 24 bits with no bound on the
/// exponent, as the hardware has it. Rounding to the grid of denormals first, as fma does, would
/// bring some of those up to 2^-126. fp64 holds the sum exactly wherever the two differ.
float accumulate(float acc, Bf16 a, Bf16 b) {
  constexpr double kSmallestRoundedToNormal = 0x1p-126 - 0x1p-151;
  const float x = flush_denormal(to_float(a));
  const float y = flush_denormal(to_float(b));
  const float before = flush_denormal(acc);
  const float sum = std::fma(x, y, before);
  const double exact =
      static_cast<double>(x) * static_cast<double>(y) + static_cast<double>(before);
  return std::abs(exact) < kSmallestRoundedToNormal ? std::copysign(0.F, sum) : sum;
}

float dot(std::span<const Bf16> a, std::span<const Bf16> b) {
  float acc = 0;
  const std::size_t pairs = a.size() / 2;
  for (std::size_t i = 0; i < pairs; ++i) {
    acc = accumulate(acc, a[2 * i + 1], b[2 * i + 1]);
    acc = accumulate(acc, a[2 * i], b[2 * i]);
  }
  if (a.size() % 2 != 0) acc = accumulate(acc, a.back(), b.back());
  return acc;
}

std::int32_t dot(std::span<const std::int8_t> a, std::span<const std::int8_t> b) {
  std::int32_t acc = 0;
  for (std::size_t i = 0; i < a.size(); ++i) acc += a[i] * b[i];
  return acc;
}

float dot(std::span<const float> a, std::span<const float> b) {
  float acc = 0;
  for (std::size_t i = 0; i < a.size(); ++i) acc = acc + a[i] * b[i];
  return acc;
}

}  // namespace fulgurite::reference
