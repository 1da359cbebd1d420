#include "cpu/cpu_features.hpp"

#include <span>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace fulgurite::cpu {
namespace {

/// One bit that an instruction set needs.
struct Requirement {
  std::uint32_t CpuFeatures::* word;
  int bit;
  const char* name;
  const char* where;
};

constexpr std::uint32_t CpuFeatures::* kLeaf1 = &CpuFeatures::leaf1_ecx;
constexpr std::uint32_t CpuFeatures::* kLeaf7Ebx = &CpuFeatures::leaf7_ebx;
constexpr std::uint32_t CpuFeatures::* kLeaf7Ecx = &CpuFeatures::leaf7_ecx;
constexpr std::uint32_t CpuFeatures::* kLeaf71 = &CpuFeatures::leaf7_1_eax;

// GCC and clang let -mavx2 imply POPCNT, so it is asked for, too.
constexpr Requirement kAvx2[] = {
    {kLeaf1, 28, "AVX", "CPUID 1 ECX"},
    {kLeaf7Ebx, 5, "AVX2", "CPUID 7.0 EBX"},
    {kLeaf1, 12, "FMA", "CPUID 1 ECX"},
    {kLeaf1, 23, "POPCNT", "CPUID 1 ECX"},
};
constexpr Requirement kAvxVnni[] = {{kLeaf71, 4, "AVX-VNNI", "CPUID 7.1 EAX"}};
constexpr Requirement kAvx512Vnni[] = {
    {kLeaf7Ebx, 16, "AVX512F", "CPUID 7.0 EBX"},     {kLeaf7Ebx, 17, "AVX512DQ", "CPUID 7.0 EBX"},
    {kLeaf7Ebx, 30, "AVX512BW", "CPUID 7.0 EBX"},    {kLeaf7Ebx, 31, "AVX512VL", "CPUID 7.0 EBX"},
    {kLeaf7Ecx, 11, "AVX512-VNNI", "CPUID 7.0 ECX"},
};
constexpr int kOsxsaveBit = 27;
constexpr int kAvx512Bf16Bit = 5;

constexpr std::uint32_t kXmmState = 1U << 1;
constexpr std::uint32_t kYmmState = 1U << 2;
constexpr std::uint32_t kZmmState = 7U << 5;  // opmasks, upper halves, registers 16..31

bool has_bit(std::uint32_t word, int bit) { return ((word >> bit) & 1U) != 0; }

std::string lacking(std::span<const Requirement> requirements, const CpuFeatures& features) {
  for (const Requirement& requirement : requirements) {
    if (!has_bit(features.*requirement.word, requirement.bit)) {
      return std::string("CPU lacks ") + requirement.name + " (" + requirement.where + " bit " +
             std::to_string(requirement.bit) + ")";
    }
  }
  return {};
}

std::string unsaved(std::uint32_t state, const char* name, const CpuFeatures& features) {
  // CPUID alone lies under some hypervisors and kernels: the OS must save the registers, too.
  if (!has_bit(features.leaf1_ecx, kOsxsaveBit)) {
    return "the OS has not enabled XSAVE (CPUID 1 ECX bit 27)";
  }
  if ((features.xcr0 & state) != state)
    return std::string("the OS does not save ") + name + " state";
  return {};
}

}  // namespace

CpuFeatures read_cpu_features() {
  CpuFeatures features;
#if defined(__x86_64__)
  features.x86_64 = true;
  std::uint32_t eax = 0;
  std::uint32_t ebx = 0;
  std::uint32_t ecx = 0;
  std::uint32_t edx = 0;
  if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0) features.leaf1_ecx = ecx;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0) {
    features.leaf7_ebx = ebx;
    features.leaf7_ecx = ecx;
    const std::uint32_t last_subleaf = eax;
    if (last_subleaf >= 1 && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0) {
      features.leaf7_1_eax = eax;
    }
  }
  if (has_bit(features.leaf1_ecx, kOsxsaveBit)) {
    std::uint32_t low = 0;
    std::uint32_t high = 0;
    asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    features.xcr0 = low;
  }
#endif
  return features;
}

std::string decline_reason(Isa isa, const CpuFeatures& features) {
  if (isa == Isa::generic) return {};
  if (!features.x86_64) return "not an x86-64 machine";
  std::string reason = lacking(kAvx2, features);
  if (reason.empty()) reason = unsaved(kXmmState | kYmmState, "YMM", features);
  if (isa == Isa::avx_vnni && reason.empty()) reason = lacking(kAvxVnni, features);
  if (isa == Isa::avx512_vnni) {
    if (reason.empty()) reason = lacking(kAvx512Vnni, features);
    if (reason.empty()) reason = unsaved(kZmmState, "ZMM", features);
  }
  return reason;
}

bool has_avx512_bf16(const CpuFeatures& features) {
  return has_bit(features.leaf7_1_eax, kAvx512Bf16Bit);
}

}  // namespace fulgurite::cpu
