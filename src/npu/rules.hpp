#pragma once

#include <cstdint>
#include <string_view>

namespace fulgurite::npu {

/// Who shares a buffer (memory.hpp).
enum class Planner : std::uint8_t {
  may,         ///< planner_2026_05: same shape and dtype, in definition order; in place allowed
  may_strict,  ///< the same, but lives that touch conflict
  august,      ///< planner_2026_08: largest first, first fit
};

/// Which arguments of a task the compiler narrows to the window that its kernel touches.
enum class WindowPolicy : std::uint8_t {
  may,   ///< 2026-05-19: outputs with one affine window each, unless the buffer is read whole later
  june,  ///< 2026-06-11: inputs and outputs
  off,   ///< 2026-06-29: none, unless a scope asks for it
};

/// The compiler and runtime of a date.
struct Rules {
  Planner planner = Planner::may;
  WindowPolicy windows = WindowPolicy::may;
  int none_arms = 1;  ///< 2: both vector cores of a scope split by NONE have their own buffers
};

std::string_view name(Planner planner);      ///< "planner_2026_05"
std::string_view name(WindowPolicy policy);  ///< "windows_2026_05"

}  // namespace fulgurite::npu
