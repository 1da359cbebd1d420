#pragma once

#include <cstdint>
#include <span>

#include "fulgurite/dtype.hpp"
#include "fulgurite/model.hpp"

namespace fulgurite::reference {

/// One step of the bf16 inner product: acc + a * b, fused, rounded once, denormals as below.
float accumulate(float acc, Bf16 a, Bf16 b);

/// Inner product of bf16 values into fp32: acc = +0; for each pair i ascending
///   acc = acc + a[2i+1] * b[2i+1], then acc = acc + a[2i] * b[2i],
/// each step one fused multiply-add, rounded once; denormal inputs and results count as zero of
/// their sign, denormal being what rounds to less than 2^-126 at an unbounded exponent. This is
/// what vdpbf16ps computes, and fma under FTZ and DAZ. An odd length is padded with a zero.
float dot(std::span<const Bf16> a, std::span<const Bf16> b);

/// Inner product of int8 codes, exact in int32 for up to 65,536 of them.
std::int32_t dot(std::span<const std::int8_t> a, std::span<const std::int8_t> b);

/// Inner product of fp32 values: acc = +0; one by one acc = acc + a[i] * b[i], product and sum each
/// rounded.
float dot(std::span<const float> a, std::span<const float> b);

constexpr float round(Rounding rounding, float x) {
  return rounding == Rounding::bf16 ? round_to_bf16(x) : x;
}

}  // namespace fulgurite::reference
