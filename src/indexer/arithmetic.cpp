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

float accumulate(float acc, Bf16 a, Bf16 b) {
  return flush_denormal(std::fma(flush_denormal(to_float(a)), flush_denormal(to_float(b)), acc));
}

}  // namespace

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

}  // namespace fulgurite::reference
