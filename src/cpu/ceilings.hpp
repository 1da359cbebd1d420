#pragma once

#include <cstdint>

#include "fulgurite/platform.hpp"

// What one core of this machine can do at most, measured now. A figure of speed means little
// without the ceiling of the same minute: clocks move, and neighbours share the memory.

namespace fulgurite::cpu {

/// Multiply-adds of int8 per second, of the best instruction that the kernels of `isa` use:
/// vpdpbusd on zmm or ymm, vpmaddwd + vpaddd on ymm, pmaddwd + paddd on xmm. `isa` is available.
/// Takes about 20 ms, of the calling thread.
double int8_macs_per_second(Isa isa);

/// Multiply-adds of bf16 per second, of the best instruction that the kernels of `isa` use:
/// vdpbf16ps, an fp32 FMA on zmm or ymm, mulps + addps on xmm. `isa` is available. Takes about 20
/// ms.
double bf16_macs_per_second(Isa isa);

/// Additions of fp32 per second, by vaddps on zmm or ymm, or addps on xmm. Takes about 20 ms.
double fp32_adds_per_second(Isa isa);

/// Bytes per second that one thread reads of a buffer of this size, over and over: a size that fits
/// a cache gives the cache's rate, one far larger the memory's. Takes some 20 ms and a few passes.
double read_bytes_per_second(std::int64_t working_set_bytes);

}  // namespace fulgurite::cpu
