#include "cpu/isa.hpp"

#include <array>
#include <cstdlib>
#include <string>

#include "cpu/bf16_self_test.hpp"
#include "cpu/cpu_features.hpp"
#include "fulgurite/error.hpp"

namespace fulgurite {
namespace cpu {
namespace {

constexpr std::array kBestFirst{Isa::avx512_vnni, Isa::avx_vnni, Isa::avx2, Isa::generic};

const CpuFeatures& this_cpu() {
  static const CpuFeatures features = read_cpu_features();
  return features;
}

/// Empty if the bf16 products of avx512_vnni run on vdpbf16ps, else why they do not. Only for a
/// machine that has avx512_vnni.
const std::string& why_no_vdpbf16ps() {
  static const std::string reason = [] {
    std::string why;
#if defined(__x86_64__)
    if (!has_avx512_bf16(this_cpu())) {
      why = "CPU lacks AVX512-BF16 (CPUID 7.1 EAX bit 5)";
    } else if (!projections_agree(kAvx512Bf16Kernels, kAvx512VnniKernels)) {
      why = "its vdpbf16ps sums in another order or rounds otherwise";
    }
#endif
    return why;
  }();
  return reason;
}

IsaStatus status_of(Isa isa) {
  std::string reason = decline_reason(isa, this_cpu());
  const bool available = reason.empty();
  if (available && isa == Isa::avx512_vnni && !why_no_vdpbf16ps().empty()) {
    reason = "bf16 products run on fp32 FMA: " + why_no_vdpbf16ps();
  }
  return {isa, available, std::move(reason)};
}

[[noreturn]] void refuse_name(const std::string& source, std::string_view name) {
  throw Error(ErrorKind::usage, source +
                                    ": expected auto, generic, avx2, avx_vnni or avx512_vnni, "
                                    "found \"" +
                                    std::string(name) + "\"");
}

/// The ISA called `name`, which is not "auto"; `source` is who named it.
Isa named_isa(const std::string& source, std::string_view name) {
  for (const Isa isa : kBestFirst) {
    if (fulgurite::name(isa) != name) continue;
    const std::string reason = decline_reason(isa, this_cpu());
    if (reason.empty()) return isa;
    throw Error(ErrorKind::usage,
                source + ": " + std::string(name) + " is not available on this machine: " + reason);
  }
  refuse_name(source, name);
}

Isa best_isa() {
  for (const Isa isa : kBestFirst) {
    if (decline_reason(isa, this_cpu()).empty()) return isa;
  }
  return Isa::generic;
}

}  // namespace

const Kernels& kernels_for(Isa isa) {
  switch (isa) {
#if defined(__x86_64__)
    case Isa::avx2:
      return kAvx2Kernels;
    case Isa::avx_vnni:
      return kAvxVnniKernels;
    case Isa::avx512_vnni:
      return why_no_vdpbf16ps().empty() ? kAvx512Bf16Kernels : kAvx512VnniKernels;
#else
    case Isa::avx2:
    case Isa::avx_vnni:
    case Isa::avx512_vnni:
#endif
    case Isa::generic:
      break;
  }
  return kGenericKernels;
}

Isa resolve_isa(std::string_view name, const char* environment) {
  if (name != "auto") return named_isa("isa", name);
  const std::string_view wish = environment == nullptr ? "auto" : environment;
  return wish == "auto" || wish.empty() ? best_isa() : named_isa("FULGURITE_ISA", wish);
}

}  // namespace cpu

std::string_view name(Isa isa) {
  switch (isa) {
    case Isa::generic:
      return "generic";
    case Isa::avx2:
      return "avx2";
    case Isa::avx_vnni:
      return "avx_vnni";
    case Isa::avx512_vnni:
      return "avx512_vnni";
  }
  return "unknown";
}

std::vector<IsaStatus> isa_statuses() {
  std::vector<IsaStatus> statuses;
  for (const Isa isa : cpu::kBestFirst) statuses.push_back(cpu::status_of(isa));
  return statuses;
}

Isa resolve_isa(std::string_view name) {
  return cpu::resolve_isa(name, std::getenv("FULGURITE_ISA"));
}

}  // namespace fulgurite
