#include "cpu/isa.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "cpu/bf16_self_test.hpp"
#include "cpu/cpu_features.hpp"
#include "fulgurite/dtype.hpp"
#include "fulgurite/error.hpp"
#include "machine_kernels.hpp"

namespace fulgurite::cpu {
namespace {

using testing::StartsWith;

constexpr std::uint32_t bit(int i) { return 1U << i; }

/// A machine with everything.
CpuFeatures full_cpu() {
  return {.leaf1_ecx = bit(12) | bit(23) | bit(27) | bit(28),
          .leaf7_ebx = bit(5) | bit(16) | bit(17) | bit(30) | bit(31),
          .leaf7_ecx = bit(11),
          .leaf7_1_eax = bit(4) | bit(5),
          .xcr0 = 0xe7,
          .x86_64 = true};
}

TEST(CpuFeatures, AFullMachineDeclinesNothing) {
  for (const Isa isa : {Isa::generic, Isa::avx2, Isa::avx_vnni, Isa::avx512_vnni}) {
    EXPECT_EQ(decline_reason(isa, full_cpu()), "");
  }
  EXPECT_TRUE(has_avx512_bf16(full_cpu()));
}

TEST(CpuFeatures, AMachineWithNothingHasTheGenericKernels) {
  EXPECT_EQ(decline_reason(Isa::generic, {}), "");
  EXPECT_EQ(decline_reason(Isa::avx2, {}), "not an x86-64 machine");
}

TEST(CpuFeatures, EveryMissingBitIsNamed) {
  struct Case {
    std::uint32_t CpuFeatures::* word;
    int bit;
    Isa isa;
    const char* reason;
  };
  const Case cases[] = {
      {&CpuFeatures::leaf7_ebx, 5, Isa::avx2, "CPU lacks AVX2 (CPUID 7.0 EBX bit 5)"},
      {&CpuFeatures::leaf1_ecx, 12, Isa::avx2, "CPU lacks FMA (CPUID 1 ECX bit 12)"},
      {&CpuFeatures::leaf1_ecx, 12, Isa::avx512_vnni, "CPU lacks FMA (CPUID 1 ECX bit 12)"},
      {&CpuFeatures::leaf1_ecx, 28, Isa::avx_vnni, "CPU lacks AVX (CPUID 1 ECX bit 28)"},
      {&CpuFeatures::leaf7_1_eax, 4, Isa::avx_vnni, "CPU lacks AVX-VNNI (CPUID 7.1 EAX bit 4)"},
      {&CpuFeatures::leaf7_ebx, 16, Isa::avx512_vnni, "CPU lacks AVX512F (CPUID 7.0 EBX bit 16)"},
      {&CpuFeatures::leaf7_ebx, 17, Isa::avx512_vnni, "CPU lacks AVX512DQ (CPUID 7.0 EBX bit 17)"},
      {&CpuFeatures::leaf7_ebx, 30, Isa::avx512_vnni, "CPU lacks AVX512BW (CPUID 7.0 EBX bit 30)"},
      {&CpuFeatures::leaf7_ebx, 31, Isa::avx512_vnni, "CPU lacks AVX512VL (CPUID 7.0 EBX bit 31)"},
      {&CpuFeatures::leaf7_ecx, 11, Isa::avx512_vnni,
       "CPU lacks AVX512-VNNI (CPUID 7.0 ECX bit 11)"},
      {&CpuFeatures::leaf1_ecx, 27, Isa::avx2, "the OS has not enabled XSAVE (CPUID 1 ECX bit 27)"},
      {&CpuFeatures::xcr0, 2, Isa::avx2, "the OS does not save YMM state"},
      {&CpuFeatures::xcr0, 6, Isa::avx512_vnni, "the OS does not save ZMM state"},
  };
  for (const Case& c : cases) {
    CpuFeatures cpu = full_cpu();
    cpu.*c.word &= ~bit(c.bit);
    EXPECT_EQ(decline_reason(c.isa, cpu), c.reason);
  }
}

TEST(CpuFeatures, AvxVnniIsNotAskedForByOthers) {
  CpuFeatures cpu = full_cpu();
  cpu.leaf7_1_eax = 0;
  EXPECT_EQ(decline_reason(Isa::avx512_vnni, cpu), "");
  EXPECT_EQ(decline_reason(Isa::avx2, cpu), "");
  EXPECT_FALSE(has_avx512_bf16(cpu));
}

TEST(IsaStatuses, AreBestFirstAndEndWithGeneric) {
  const auto statuses = isa_statuses();
  ASSERT_EQ(statuses.size(), 4U);
  EXPECT_EQ(statuses.front().isa, Isa::avx512_vnni);
  EXPECT_EQ(statuses.back().isa, Isa::generic);
  EXPECT_TRUE(statuses.back().available);
  for (const IsaStatus& status : statuses) {
    if (!status.available) {
      EXPECT_NE(status.reason, "");
    }
  }
}

std::string error_of(std::string_view name, const char* environment) {
  try {
    resolve_isa(name, environment);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    return error.what();
  }
  return "no error";
}

TEST(ResolveIsa, AutoIsTheBestThatIsAvailable) {
  for (const IsaStatus& status : isa_statuses()) {
    if (!status.available) continue;
    EXPECT_EQ(resolve_isa("auto", nullptr), status.isa);
    break;
  }
  EXPECT_EQ(resolve_isa("auto", "auto"), resolve_isa("auto", nullptr));
  EXPECT_EQ(resolve_isa("auto", ""), resolve_isa("auto", nullptr));
}

TEST(ResolveIsa, TheEnvironmentDecidesWhatAutoIsAndNothingElse) {
  EXPECT_EQ(resolve_isa("auto", "generic"), Isa::generic);
  EXPECT_EQ(resolve_isa("generic", "nonsense"), Isa::generic);
}

TEST(ResolveIsa, AnUnknownNameIsRefusedAndItsSourceNamed) {
  EXPECT_EQ(error_of("xyz", nullptr),
            "isa: expected auto, generic, avx2, avx_vnni or avx512_vnni, found \"xyz\"");
  EXPECT_EQ(error_of("auto", "xyz"),
            "FULGURITE_ISA: expected auto, generic, avx2, avx_vnni or avx512_vnni, found \"xyz\"");
  EXPECT_EQ(error_of("", nullptr),
            "isa: expected auto, generic, avx2, avx_vnni or avx512_vnni, found \"\"");
}

TEST(ResolveIsa, AnIsaThatTheMachineLacksIsRefusedWithTheReason) {
  for (const IsaStatus& status : isa_statuses()) {
    const std::string isa(name(status.isa));
    if (status.available) {
      EXPECT_EQ(resolve_isa(isa, nullptr), status.isa);
      EXPECT_EQ(resolve_isa("auto", isa.c_str()), status.isa);
    } else {
      EXPECT_EQ(error_of(isa, nullptr),
                "isa: " + isa + " is not available on this machine: " + status.reason);
      EXPECT_THAT(error_of("auto", isa.c_str()), StartsWith("FULGURITE_ISA: " + isa + " is not"));
    }
  }
}

TEST(KernelsFor, AnAvailableIsaHasAllItsKernels) {
  for (const IsaStatus& status : isa_statuses()) {
    if (!status.available) continue;
    const Kernels& kernels = kernels_for(status.isa);
    EXPECT_NE(kernels.pack_qr, nullptr);
    EXPECT_NE(kernels.query, nullptr);
    EXPECT_NE(kernels.pack_x, nullptr);
    EXPECT_NE(kernels.project, nullptr);
  }
}

// ---- the self-test that decides about vdpbf16ps

TEST(ProjectionsAgree, AmongAllKernelsOfThisMachine) {
  for (const auto& [name, kernels] : machine_kernels()) {
    EXPECT_TRUE(projections_agree(kGenericKernels, *kernels)) << name;
  }
}

/// The definition's Dot on plain arrays, or with one mistake.
enum class Mistake { none, even_first, separate_rounding, denormal_results, tiny_before_rounding };

template <Mistake kMistake>
float step(float acc, float a, float b) {
  const double exact = static_cast<double>(a) * static_cast<double>(b) + static_cast<double>(acc);
  const float fused = std::fma(a, b, acc);
  if (kMistake == Mistake::separate_rounding) {
    const float sum = a * b + acc;
    return std::abs(sum) < 0x1p-126F ? std::copysign(0.F, sum) : sum;
  }
  if (kMistake == Mistake::denormal_results) return fused;
  if (kMistake == Mistake::tiny_before_rounding) {
    return std::abs(fused) < 0x1p-126F ? std::copysign(0.F, fused) : fused;
  }
  return std::abs(exact) < 0x1p-126 - 0x1p-151 ? std::copysign(0.F, fused) : fused;
}

template <Mistake kMistake>
Kernels scalar_kernels() {
  Kernels kernels{};
  kernels.pack_x = [](const HiddenStates& x, std::int64_t, std::int64_t, void* packed) {
    std::copy_n(x.values, x.tokens * x.hidden, static_cast<std::uint16_t*>(packed));
  };
  kernels.project = [](const HiddenProjection& p, std::int64_t first, std::int64_t last) {
    const auto value = [](std::uint16_t bits) {
      const float x = to_float(Bf16{bits});
      return std::abs(x) < 0x1p-126F ? std::copysign(0.F, x) : x;
    };
    const auto* x = static_cast<const std::uint16_t*>(p.activations);
    for (std::int64_t t = 0; t < p.tokens; ++t) {
      for (std::int64_t n = first; n < last; ++n) {
        float acc = 0;
        for (std::int64_t k = 0; k < p.hidden; ++k) {
          const std::int64_t i = kMistake == Mistake::even_first ? k : k ^ 1;
          acc = step<kMistake>(
              acc, value(x[t * p.hidden + i]),
              value(p.weights[n / 16 * 16 * p.hidden + i / 2 * 32 + n % 16 * 2 + i % 2]));
        }
        p.out[t * p.columns + n] = acc;
      }
    }
  };
  return kernels;
}

TEST(ProjectionsAgree, TellsEachMistakeFromTheDefinition) {
  EXPECT_TRUE(projections_agree(kGenericKernels, scalar_kernels<Mistake::none>()));
  EXPECT_FALSE(projections_agree(kGenericKernels, scalar_kernels<Mistake::even_first>()));
  EXPECT_FALSE(projections_agree(kGenericKernels, scalar_kernels<Mistake::separate_rounding>()));
  EXPECT_FALSE(projections_agree(kGenericKernels, scalar_kernels<Mistake::denormal_results>()));
  EXPECT_FALSE(projections_agree(kGenericKernels, scalar_kernels<Mistake::tiny_before_rounding>()));
}

}  // namespace
}  // namespace fulgurite::cpu
