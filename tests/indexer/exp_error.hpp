#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

#include "indexer/exp.hpp"

namespace fulgurite::reference {

inline constexpr float kLargestExponent = 0x1.62e42ep6F;    // the last x with a finite e^x
inline constexpr float kSmallestExponent = -0x1.9fe368p6F;  // the last x with e^x >= 2^-150

/// The distance of exp(x) from the true value in ulp of the true value's binade. fp64 is exact
/// enough: it is wrong by 2^-28 of that.
inline double error_in_ulp(float x) {
  const double truth = std::exp(static_cast<double>(x));
  constexpr int kDenormalBinade = -126;
  const double ulp = std::ldexp(1.0, std::max(std::ilogb(truth), kDenormalBinade) - 23);
  return std::abs(static_cast<double>(exp(x)) - truth) / ulp;
}

/// The largest error over every `step`-th float from `first` to `last`, of the same sign.
inline double worst_error(float first, float last, std::uint32_t step) {
  double worst = 0;
  for (auto bits = std::bit_cast<std::uint32_t>(first); bits <= std::bit_cast<std::uint32_t>(last);
       bits += step) {
    worst = std::max(worst, error_in_ulp(std::bit_cast<float>(bits)));
  }
  return worst;
}

}  // namespace fulgurite::reference
