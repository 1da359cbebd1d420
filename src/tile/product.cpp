#include "tile/product.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <vector>

#include "core/checked.hpp"
#include "core/float_mode.hpp"
#include "indexer/arithmetic.hpp"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace fulgurite::tile::detail {
namespace {

/// Operands and sums as the kernels want them, kept from product to product.
template <class Wide, class Sum>
struct Workspace {
  std::vector<Wide> a;
  std::vector<Wide> b;
  std::vector<Sum> c;

  [[nodiscard]] PackedMatmul pack_sizes(const ProductSize& size) {
    const PackedMatmul packed{core::round_up(size.m, kMatmulRows), core::divide_up(size.k, 2),
                              core::round_up(size.n, kMatmulColumns), nullptr, nullptr};
    a.assign(static_cast<std::size_t>(packed.m * packed.pairs * 2), Wide{});
    b.assign(static_cast<std::size_t>(packed.n * packed.pairs * 2), Wide{});
    c.assign(static_cast<std::size_t>(packed.m * packed.n), Sum{});
    return {packed.m, packed.pairs, packed.n, a.data(), b.data()};
  }
};

/// b's element (k, j) goes to place(k, j within its block of columns) of the block.
template <class Wide, class Sum, class Narrow, class Widen, class Place>
PackedMatmul pack(Workspace<Wide, Sum>& space, const ProductSize& size, const Narrow* a,
                  const Narrow* b, Widen widen, Place place) {
  const PackedMatmul packed = space.pack_sizes(size);
  const Index depth = packed.pairs * 2;
  for (Index row = 0; row < size.m; ++row) {
    std::transform(a + row * size.k, a + (row + 1) * size.k, space.a.data() + row * depth, widen);
  }
  for (Index column = 0; column < size.n; column += kMatmulColumns) {
    const Index count = std::min<Index>(kMatmulColumns, size.n - column);
    Wide* const block = space.b.data() + column * depth;
    for (Index k = 0; k < size.k; ++k) {
      const Narrow* const from = b + k * size.n + column;
      for (Index j = 0; j < count; ++j) block[place(k, j)] = widen(from[j]);
    }
  }
  return packed;
}

/// Runs the kernel on sums that are padded like the operands.
template <class Wide, class Sum, class Kernel>
void run(Workspace<Wide, Sum>& space, const ProductSize& size, const PackedMatmul& packed, Sum* c,
         Kernel kernel) {
  if (packed.m == size.m && packed.n == size.n) return kernel(packed, c);
  for (Index row = 0; row < size.m; ++row) {
    std::copy_n(c + row * size.n, size.n, space.c.data() + row * packed.n);
  }
  kernel(packed, space.c.data());
  for (Index row = 0; row < size.m; ++row) {
    std::copy_n(space.c.data() + row * packed.n, size.n, c + row * size.n);
  }
}

#if defined(__x86_64__)

/// Denormal operands and results count as zero of their sign, so that one hardware instruction is
/// reference::accumulate.
class DenormalsAreZero {
 public:
  DenormalsAreZero() noexcept : before_(_mm_getcsr()) {
    constexpr unsigned kDefault = 0x1f80;
    constexpr unsigned kFlush = 0x8040;
    _mm_setcsr(kDefault | kFlush);
    asm volatile("" ::: "memory");
  }
  ~DenormalsAreZero() {
    asm volatile("" ::: "memory");
    _mm_setcsr(before_);
  }
  DenormalsAreZero(const DenormalsAreZero&) = delete;
  DenormalsAreZero& operator=(const DenormalsAreZero&) = delete;

 private:
  unsigned before_;
};

struct ExponentRange {
  unsigned lowest = 0xff;
  unsigned highest = 0;
};

ExponentRange exponents(const std::vector<float>& values) {
  ExponentRange range;
  for (const float value : values) {
    const unsigned exponent = (std::bit_cast<std::uint32_t>(value) >> 23) & 0xff;
    if (exponent == 0) continue;  // zero, or a denormal that counts as zero
    range.lowest = std::min(range.lowest, exponent);
    range.highest = std::max(range.highest, exponent);
  }
  return range;
}

/// All products are zero or normal, so that rounding a product loses nothing: a product of two bf16
/// values has 16 bits.
bool products_are_exact(const Workspace<float, float>& space) {
  constexpr unsigned kBias = 127;
  constexpr unsigned kInfinity = 0xff;
  const ExponentRange a = exponents(space.a);
  const ExponentRange b = exponents(space.b);
  if (a.highest == kInfinity || b.highest == kInfinity) return false;
  if (a.highest == 0 || b.highest == 0) return true;
  return a.lowest + b.lowest > kBias && a.highest + b.highest < 2 * kBias + kBias;
}

#endif

void multiply_by_definition(const ProductSize& size, const Bf16* a, const Bf16* b, float* c) {
  const core::FloatMode mode;
  for (Index row = 0; row < size.m; ++row) {
    for (Index col = 0; col < size.n; ++col) {
      float acc = c[row * size.n + col];
      for (Index pair = 0; pair < size.k; pair += 2) {
        for (const Index k : {pair + 1, pair}) {
          acc = reference::accumulate(acc, a[row * size.k + k], b[k * size.n + col]);
        }
      }
      c[row * size.n + col] = acc;
    }
  }
}

}  // namespace

const MatmulKernels& best_matmul() {
#if defined(__x86_64__)
  static const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (has_avx2) return kAvx2Matmul;
#endif
  return kGenericMatmul;
}

void multiply(const ProductSize& size, const std::int8_t* a, const std::int8_t* b, std::int32_t* c,
              const MatmulKernels& kernels) {
  thread_local Workspace<std::int16_t, std::int32_t> space;
  const PackedMatmul packed = pack(
      space, size, a, b, [](std::int8_t x) { return std::int16_t{x}; },
      [](Index k, Index j) { return (k / 2 * kMatmulColumns + j) * 2 + k % 2; });
  run(space, size, packed, c, kernels.multiply_i16);
}

void multiply(const ProductSize& size, const Bf16* a, const Bf16* b, float* c,
              const MatmulKernels& kernels) {
#if defined(__x86_64__)
  thread_local Workspace<float, float> space;
  const PackedMatmul packed = pack(
      space, size, a, b, [](Bf16 x) { return to_float(x); },
      [](Index k, Index j) { return k * kMatmulColumns + j; });
  if (kernels.is_fused || products_are_exact(space)) {
    const DenormalsAreZero mode;
    return run(space, size, packed, c, kernels.multiply_f32);
  }
#endif
  multiply_by_definition(size, a, b, c);
}

}  // namespace fulgurite::tile::detail
