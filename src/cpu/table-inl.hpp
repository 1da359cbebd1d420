#pragma once

#include "cpu/kernels.hpp"
#include "cpu/project-inl.hpp"
#include "cpu/query-inl.hpp"

// The table of an ISA's kernels. The file of an ISA includes its vocabulary (cpu/simd), then this.

namespace fulgurite::cpu {
namespace {

constexpr Kernels make_kernels() {
  Kernels kernels{};
  kernels.pack_qr = pack_qr;
  kernels.query = query;
  kernels.pack_x = pack_x;
  kernels.project = project;
  return kernels;
}

}  // namespace
}  // namespace fulgurite::cpu
