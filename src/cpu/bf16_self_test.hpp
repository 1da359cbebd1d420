#pragma once

#include "cpu/kernels.hpp"

namespace fulgurite::cpu {

/// Whether two sets of kernels give the same bits for a projection that tells apart: the order
/// within a pair and among pairs, fused and separate rounding, what becomes of denormals, and where
/// a result counts as tiny. NaN equals NaN. Runs both; the machine must have them.
bool projections_agree(const Kernels& a, const Kernels& b);

}  // namespace fulgurite::cpu
