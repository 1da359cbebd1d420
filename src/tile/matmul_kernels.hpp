#pragma once

#include <cstdint>

// The inner loops of matmul. Compiled once for each instruction set, so this header holds plain
// data and no function with a body: the linker keeps one copy of an inline function for everybody.

namespace fulgurite::tile::detail {

inline constexpr int kMatmulRows = 4;
inline constexpr int kMatmulColumns = 16;

/// Operands as the loops read them, padded with zeros to whole rows, columns and pairs of k.
struct PackedMatmul {
  std::int64_t m;      ///< a multiple of kMatmulRows
  std::int64_t pairs;  ///< of k
  std::int64_t n;      ///< a multiple of kMatmulColumns
  const void* a;       ///< [m][pairs][2] int16 or fp32
  const void* b;       ///< int16: [n/16][pairs][16][2]; fp32: [n/16][pairs][2][16]
};

struct MatmulKernels {
  /// c [m, n] += a * b, exact modulo 2^32.
  void (*multiply_i16)(const PackedMatmul&, std::int32_t* c);
  /// For each pair, the odd element first: c = c + a * b, as one fused operation if is_fused, or
  /// else with a product that is rounded. The caller sets the float mode.
  void (*multiply_f32)(const PackedMatmul&, float* c);
  bool is_fused;
};

extern const MatmulKernels kGenericMatmul;
#if defined(__x86_64__)
extern const MatmulKernels kAvx2Matmul;  ///< needs AVX2 and FMA
#endif

}  // namespace fulgurite::tile::detail
