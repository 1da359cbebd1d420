#pragma once

#include <cstdint>
#include <string>

#include "fulgurite/platform.hpp"

namespace fulgurite::cpu {

/// What CPUID and XGETBV say, of which the kernels' instruction sets follow.
struct CpuFeatures {
  std::uint32_t leaf1_ecx = 0;
  std::uint32_t leaf7_ebx = 0;
  std::uint32_t leaf7_ecx = 0;
  std::uint32_t leaf7_1_eax = 0;
  std::uint32_t xcr0 = 0;  ///< state that the OS saves; 0 without OSXSAVE
  bool x86_64 = false;
};

/// Those of this machine.
CpuFeatures read_cpu_features();

/// Why the kernels of `isa` cannot run, or empty if they can.
std::string decline_reason(Isa isa, const CpuFeatures& features);

/// AVX512-BF16 is there; its sums are not yet known to have the definition's order.
bool has_avx512_bf16(const CpuFeatures& features);

}  // namespace fulgurite::cpu
