#pragma once

#include <cstdint>

#include "fulgurite/decode_batch.hpp"

namespace fulgurite {

/// cos and sin of fp32(position * inv_freq_i), the angle rounded to fp32 and its cos and sin formed
/// in fp64 and rounded once. The frequencies are those of theta 160000 with YaRN (factor 16, 65536
/// original positions, beta 32 and 1, no attention factor).
RopeAngle rope_angle(std::int64_t position);

}  // namespace fulgurite
