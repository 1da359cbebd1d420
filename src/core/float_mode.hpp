#pragma once

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace fulgurite::core {

#if defined(__x86_64__)

/// While it lives, its thread computes in IEEE 754's default mode: round to nearest, ties to even,
/// denormals kept, no traps. Then the caller's mode is back as it was, its sticky flags included.
///
/// Engines set flush-to-zero for speed. The definition keeps denormals, so each task of a step
/// that computes in floating point runs under this guard, on whatever thread it runs.
class [[maybe_unused]] FloatMode {
 public:
  FloatMode() noexcept : callers_(_mm_getcsr()) {
    if (callers_ != kDefault) _mm_setcsr(kDefault);
    keep_inside();
  }
  ~FloatMode() {
    keep_inside();
    if (_mm_getcsr() != callers_) _mm_setcsr(callers_);
  }
  FloatMode(const FloatMode&) = delete;
  FloatMode& operator=(const FloatMode&) = delete;

 private:
  static constexpr unsigned kDefault = 0x1f80;

  /// Compilers move arithmetic across a change of the mode, but not the loads and stores around it.
  static void keep_inside() noexcept { asm volatile("" ::: "memory"); }

  unsigned callers_;
};

#else

class [[maybe_unused]] FloatMode {};

#endif

}  // namespace fulgurite::core
