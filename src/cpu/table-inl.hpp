#pragma once

#include "cpu/kernels.hpp"

// The table of an ISA's kernels. The file of an ISA includes its vocabulary (cpu/simd), then this.

namespace fulgurite::cpu {
namespace {

constexpr Kernels make_kernels() {
  Kernels kernels{};
  return kernels;
}

}  // namespace
}  // namespace fulgurite::cpu
