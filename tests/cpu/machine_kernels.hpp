#pragma once

#include <string>
#include <vector>

#include "cpu/cpu_features.hpp"
#include "cpu/kernels.hpp"

namespace fulgurite::cpu {

struct NamedKernels {
  std::string name;
  const Kernels* kernels;
};

/// Every set of kernels that this machine can run, both routes of avx512_vnni and the twin of
/// avx_vnni among them.
inline std::vector<NamedKernels> machine_kernels() {
  std::vector<NamedKernels> all{{"generic", &kGenericKernels}};
#if defined(__x86_64__)
  const CpuFeatures cpu = read_cpu_features();
  if (decline_reason(Isa::avx2, cpu).empty()) all.push_back({"avx2", &kAvx2Kernels});
  if (decline_reason(Isa::avx_vnni, cpu).empty()) all.push_back({"avx_vnni", &kAvxVnniKernels});
  if (decline_reason(Isa::avx512_vnni, cpu).empty()) {
    all.push_back({"avx512_vnni", &kAvx512VnniKernels});
    all.push_back({"vnni256", &kVnni256Kernels});
    if (has_avx512_bf16(cpu)) all.push_back({"avx512_bf16", &kAvx512Bf16Kernels});
  }
#endif
  return all;
}

}  // namespace fulgurite::cpu
