#pragma once

#include <immintrin.h>

#include "cpu/simd/inline.hpp"

namespace fulgurite::cpu {
namespace {

/// While it lives, denormal operands and results count as zero of their sign, as the bf16 Dot
/// wants. The empty asm keeps the compiler from moving a store of a result, and so its arithmetic,
/// outside.
class FlushDenormals {
 public:
  FULGURITE_INLINE FlushDenormals() : before_(_mm_getcsr()) {
    constexpr unsigned kFlushToZeroAndDenormalsAreZero = 0x8040;
    _mm_setcsr(before_ | kFlushToZeroAndDenormalsAreZero);
    asm volatile("" ::: "memory");
  }
  FULGURITE_INLINE ~FlushDenormals() {
    asm volatile("" ::: "memory");
    _mm_setcsr(before_);
  }
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  unsigned before_;
};

}  // namespace
}  // namespace fulgurite::cpu
