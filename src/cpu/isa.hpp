#pragma once

#include <string_view>

#include "cpu/kernels.hpp"
#include "fulgurite/platform.hpp"

namespace fulgurite::cpu {

/// The kernels of an ISA that this machine has; resolve_isa is where others are refused.
/// For avx512_vnni the bf16 products run on vdpbf16ps if the CPU has it and a test at the first
/// call shows that its sums have the definition's order.
const Kernels& kernels_for(Isa isa);

/// resolve_isa with the environment's FULGURITE_ISA given: null if it is not set.
Isa resolve_isa(std::string_view name, const char* environment);

}  // namespace fulgurite::cpu
