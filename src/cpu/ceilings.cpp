#include "cpu/ceilings.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>

#include "core/aligned_buffer.hpp"
#include "cpu/cpu_features.hpp"
#include "cpu/isa.hpp"

namespace fulgurite::cpu {
namespace {

double now_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

constexpr int kSamples = 9;

/// The shortest of the samples after one to warm up: a ceiling is what the machine can do when
/// nobody disturbs it.
template <class Work>
double shortest_seconds(Work work) {
  work();
  double shortest = 1e9;
  for (int sample = 0; sample < kSamples; ++sample) {
    const double start = now_s();
    work();
    shortest = std::min(shortest, now_s() - start);
  }
  return shortest;
}

#if defined(__x86_64__)

// Chains of independent instructions on registers that hold zeros. Inline assembly, because a
// compiler may reorder, spill or delete them; nothing runs that the machine lacks, as the caller
// picks the chain. Ten sums hide the latency of every instruction here.
constexpr int kChain = 10;
constexpr int kRounds = 100'000;

#define FULGURITE_TEN(each) \
  each(0) each(1) each(2) each(3) each(4) each(5) each(6) each(7) each(8) each(9)
#define FULGURITE_CLOBBERS                                                                 \
  "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", \
      "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"
#define FULGURITE_CHAIN(name, zero, body)                                                    \
  void name() {                                                                              \
    asm volatile(zero ::: FULGURITE_CLOBBERS);                                               \
    for (int round = 0; round < kRounds; ++round) asm volatile(body ::: FULGURITE_CLOBBERS); \
    asm volatile(zero ::: FULGURITE_CLOBBERS);                                               \
  }
#define FULGURITE_DPBUSD_ZMM(r) "vpdpbusd %%zmm14, %%zmm15, %%zmm" #r "\n"
#define FULGURITE_DPBUSD_YMM(r) "%{vex%} vpdpbusd %%ymm14, %%ymm15, %%ymm" #r "\n"
#define FULGURITE_MADD_YMM(r) \
  "vpmaddwd %%ymm14, %%ymm15, %%ymm13\nvpaddd %%ymm13, %%ymm" #r ", %%ymm" #r "\n"
#define FULGURITE_MADD_XMM(r) \
  "movdqa %%xmm14, %%xmm13\npmaddwd %%xmm15, %%xmm13\npaddd %%xmm13, %%xmm" #r "\n"
#define FULGURITE_DPBF16_ZMM(r) "vdpbf16ps %%zmm14, %%zmm15, %%zmm" #r "\n"
#define FULGURITE_FMA_ZMM(r) "vfmadd231ps %%zmm14, %%zmm15, %%zmm" #r "\n"
#define FULGURITE_FMA_YMM(r) "vfmadd231ps %%ymm14, %%ymm15, %%ymm" #r "\n"
#define FULGURITE_MULADD_XMM(r) \
  "movaps %%xmm14, %%xmm13\nmulps %%xmm15, %%xmm13\naddps %%xmm13, %%xmm" #r "\n"

#define FULGURITE_ADD_ZMM(r) "vaddps %%zmm14, %%zmm" #r ", %%zmm" #r "\n"
#define FULGURITE_ADD_YMM(r) "vaddps %%ymm14, %%ymm" #r ", %%ymm" #r "\n"
#define FULGURITE_ADD_XMM(r) "addps %%xmm14, %%xmm" #r "\n"

#define FULGURITE_ZERO_SSE(r) "xorps %%xmm" #r ", %%xmm" #r "\n"
#define FULGURITE_ZEROS_SSE \
  FULGURITE_TEN(FULGURITE_ZERO_SSE) "xorps %%xmm14, %%xmm14\nxorps %%xmm15, %%xmm15\n"

FULGURITE_CHAIN(dpbusd_zmm, "vzeroall", FULGURITE_TEN(FULGURITE_DPBUSD_ZMM))
FULGURITE_CHAIN(dpbusd_ymm, "vzeroall", FULGURITE_TEN(FULGURITE_DPBUSD_YMM))
FULGURITE_CHAIN(madd_ymm, "vzeroall", FULGURITE_TEN(FULGURITE_MADD_YMM))
FULGURITE_CHAIN(madd_xmm, FULGURITE_ZEROS_SSE, FULGURITE_TEN(FULGURITE_MADD_XMM))
FULGURITE_CHAIN(dpbf16_zmm, "vzeroall", FULGURITE_TEN(FULGURITE_DPBF16_ZMM))
FULGURITE_CHAIN(fma_zmm, "vzeroall", FULGURITE_TEN(FULGURITE_FMA_ZMM))
FULGURITE_CHAIN(fma_ymm, "vzeroall", FULGURITE_TEN(FULGURITE_FMA_YMM))
FULGURITE_CHAIN(muladd_xmm, FULGURITE_ZEROS_SSE, FULGURITE_TEN(FULGURITE_MULADD_XMM))
FULGURITE_CHAIN(add_zmm, "vzeroall", FULGURITE_TEN(FULGURITE_ADD_ZMM))
FULGURITE_CHAIN(add_ymm, "vzeroall", FULGURITE_TEN(FULGURITE_ADD_YMM))
FULGURITE_CHAIN(add_xmm, FULGURITE_ZEROS_SSE, FULGURITE_TEN(FULGURITE_ADD_XMM))

struct Chain {
  void (*run)();
  int macs_per_step;  ///< or additions
};

double macs_per_second(Chain chain) {
  return double{kChain} * kRounds * chain.macs_per_step / shortest_seconds(chain.run);
}

Chain int8_chain(Isa isa) {
  switch (isa) {
    case Isa::avx512_vnni:
      return {dpbusd_zmm, 64};
    case Isa::avx_vnni:
      return {dpbusd_ymm, 32};
    case Isa::avx2:
      return {madd_ymm, 16};
    case Isa::generic:
      break;
  }
  return {madd_xmm, 8};
}

Chain bf16_chain(Isa isa) {
  switch (isa) {
    case Isa::avx512_vnni:
      if (&kernels_for(isa) == &kAvx512Bf16Kernels) return {dpbf16_zmm, 32};
      return {fma_zmm, 16};
    case Isa::avx_vnni:
    case Isa::avx2:
      return {fma_ymm, 8};
    case Isa::generic:
      break;
  }
  return {muladd_xmm, 4};
}

Chain add_chain(Isa isa) {
  switch (isa) {
    case Isa::avx512_vnni:
      return {add_zmm, 16};
    case Isa::avx_vnni:
    case Isa::avx2:
      return {add_ymm, 8};
    case Isa::generic:
      break;
  }
  return {add_xmm, 4};
}

/// Reads 256 bytes.
void read_zmm(const std::byte* p) {
  asm volatile(
      "vmovdqa64 (%0), %%zmm0\nvmovdqa64 64(%0), %%zmm1\n"
      "vmovdqa64 128(%0), %%zmm2\nvmovdqa64 192(%0), %%zmm3" ::"r"(p)
      : FULGURITE_CLOBBERS);
}
void read_ymm(const std::byte* p) {
  asm volatile(
      "vmovdqa (%0), %%ymm0\nvmovdqa 32(%0), %%ymm1\nvmovdqa 64(%0), %%ymm2\n"
      "vmovdqa 96(%0), %%ymm3\nvmovdqa 128(%0), %%ymm4\nvmovdqa 160(%0), %%ymm5\n"
      "vmovdqa 192(%0), %%ymm6\nvmovdqa 224(%0), %%ymm7" ::"r"(p)
      : FULGURITE_CLOBBERS);
}
void read_xmm(const std::byte* p) {
  for (int i = 0; i < 256; i += 64) {
    asm volatile(
        "movdqa (%0), %%xmm0\nmovdqa 16(%0), %%xmm1\nmovdqa 32(%0), %%xmm2\n"
        "movdqa 48(%0), %%xmm3" ::"r"(p + i)
        : FULGURITE_CLOBBERS);
  }
}
void leave_avx() { asm volatile("vzeroupper" ::: FULGURITE_CLOBBERS); }

constexpr std::int64_t kReadBytes = 256;

template <void (*kRead)(const std::byte*)>
void read_all(const core::AlignedBuffer<std::byte>& buffer) {
  const std::byte* const end = buffer.data() + buffer.size();
  for (const std::byte* p = buffer.data(); p != end; p += kReadBytes) kRead(p);
}

void read_once(const core::AlignedBuffer<std::byte>& buffer) {
  static const CpuFeatures cpu = read_cpu_features();
  if (decline_reason(Isa::avx512_vnni, cpu).empty()) {
    read_all<read_zmm>(buffer);
    leave_avx();
  } else if (decline_reason(Isa::avx2, cpu).empty()) {
    read_all<read_ymm>(buffer);
    leave_avx();
  } else {
    read_all<read_xmm>(buffer);
  }
}

#else

constexpr int kLanes = 64;
constexpr int kRounds = 20'000;
constexpr std::int64_t kReadBytes = 256;

/// What the compiler makes of a multiply-add on L1-resident arrays: an achievable rate, not a
/// bound.
template <class Element>
double loop_macs_per_second() {
  std::array<Element, kLanes> sums{};
  std::array<Element, kLanes> factors{};
  const double seconds = shortest_seconds([&] {
    for (int round = 0; round < kRounds; ++round) {
      for (int i = 0; i < kLanes; ++i) sums[i] += factors[i] * factors[i];
      asm volatile("" ::"r"(sums.data()), "r"(factors.data()) : "memory");
    }
  });
  return double{kLanes} * kRounds / seconds;
}

void read_once(const core::AlignedBuffer<std::byte>& buffer) {
  std::uint64_t sum = 0;
  for (std::int64_t i = 0; i < buffer.size(); i += 8) {
    std::uint64_t word;
    std::memcpy(&word, buffer.data() + i, sizeof word);
    sum += word;
  }
  asm volatile("" ::"r"(sum));
}

#endif

}  // namespace

double int8_macs_per_second([[maybe_unused]] Isa isa) {
#if defined(__x86_64__)
  return macs_per_second(int8_chain(isa));
#else
  return loop_macs_per_second<std::int32_t>();
#endif
}

double bf16_macs_per_second([[maybe_unused]] Isa isa) {
#if defined(__x86_64__)
  return macs_per_second(bf16_chain(isa));
#else
  return loop_macs_per_second<float>();
#endif
}

double fp32_adds_per_second([[maybe_unused]] Isa isa) {
#if defined(__x86_64__)
  return macs_per_second(add_chain(isa));
#else
  return loop_macs_per_second<float>();
#endif
}

double read_bytes_per_second(std::int64_t working_set_bytes) {
  const std::int64_t bytes = std::max(core::round_up(working_set_bytes, kReadBytes), kReadBytes);
  core::AlignedBuffer<std::byte> buffer("read ceiling", bytes);
  // Touched, or all pages would be the kernel's one page of zeros.
  std::memset(buffer.data(), 1, static_cast<std::size_t>(bytes));
  constexpr std::int64_t kBytesPerSample = std::int64_t{32} << 20;
  const std::int64_t passes = std::max<std::int64_t>(1, kBytesPerSample / bytes);
  const double seconds = shortest_seconds([&] {
    for (std::int64_t pass = 0; pass < passes; ++pass) read_once(buffer);
  });
  return static_cast<double>(bytes * passes) / seconds;
}

}  // namespace fulgurite::cpu
