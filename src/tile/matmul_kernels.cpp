#include "tile/matmul_kernels.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <vector>

#include "core/checked.hpp"
#include "core/float_mode.hpp"
#include "indexer/arithmetic.hpp"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

// Sixteen sums of a row stand side by side. They are independent, so compilers vectorise them, and
// each runs over k in the order of the definition. Four rows share a line of b.

namespace fulgurite::tile::detail {
namespace {

constexpr Index kColumns = 16;
constexpr Index kRows = 4;

/// Operands as the loops want them, kept from product to product.
template <class Wide>
struct Packed {
  std::vector<Wide> a;  ///< [M rounded up to kRows, K]
  std::vector<Wide> b;  ///< [N / kColumns rounded up][K][kColumns]
};

template <class Wide, class Narrow, class Widen>
void pack(Packed<Wide>& packed, const MatmulSize& size, const Narrow* a, const Narrow* b,
          Widen widen) {
  const Index rows = core::round_up(size.m, kRows);
  const Index blocks = core::divide_up(size.n, kColumns);
  packed.a.assign(static_cast<std::size_t>(rows * size.k), Wide{});
  for (Index i = 0; i < size.m * size.k; ++i) packed.a[static_cast<std::size_t>(i)] = widen(a[i]);
  packed.b.assign(static_cast<std::size_t>(blocks * size.k * kColumns), Wide{});
  for (Index block = 0; block < blocks; ++block) {
    const Index count = std::min(kColumns, size.n - block * kColumns);
    for (Index k = 0; k < size.k; ++k) {
      const Narrow* from = b + k * size.n + block * kColumns;
      Wide* to = packed.b.data() + (block * size.k + k) * kColumns;
      for (Index j = 0; j < count; ++j) to[j] = widen(from[j]);
    }
  }
}

/// One tile of sums: kRows x kColumns over all of k. Order is +1, then +0 for each pair.
template <class Step, class Wide>
[[gnu::always_inline]] inline void multiply_block(Index depth, const Wide* a, const Wide* b,
                                                  std::array<std::array<Wide, kColumns>, kRows>& c,
                                                  Step step) {
  auto sums = c;
  for (Index pair = 0; pair < depth; pair += 2) {
    for (const Index k : {pair + 1, pair}) {
      if (k >= depth) continue;
      for (std::size_t row = 0; row < kRows; ++row) {
        const Wide left = a[static_cast<Index>(row) * depth + k];
        for (std::size_t col = 0; col < kColumns; ++col) {
          step(sums[row][col], left, b[k * kColumns + static_cast<Index>(col)]);
        }
      }
    }
  }
  c = sums;
}

template <class Step, class Wide>
[[gnu::always_inline]] inline void multiply_packed(const MatmulSize& size,
                                                   const Packed<Wide>& packed, Wide* c, Step step) {
  for (Index column = 0; column < size.n; column += kColumns) {
    const Index columns = std::min(kColumns, size.n - column);
    const Wide* b = packed.b.data() + column * size.k;
    for (Index row = 0; row < size.m; row += kRows) {
      const Index rows = std::min(kRows, size.m - row);
      std::array<std::array<Wide, kColumns>, kRows> sums{};
      for (Index i = 0; i < rows; ++i) {
        std::copy_n(c + (row + i) * size.n + column, columns,
                    sums[static_cast<std::size_t>(i)].data());
      }
      multiply_block(size.k, packed.a.data() + row * size.k, b, sums, step);
      for (Index i = 0; i < rows; ++i) {
        std::copy_n(sums[static_cast<std::size_t>(i)].data(), columns,
                    c + (row + i) * size.n + column);
      }
    }
  }
}

struct MultiplyAdd {
  [[gnu::always_inline]] void operator()(std::int32_t& acc, std::int32_t a, std::int32_t b) const {
    acc += a * b;
  }
};

/// Under DenormalsAreZero one hardware instruction is reference::accumulate.
struct FusedMultiplyAdd {
  [[gnu::always_inline]] void operator()(float& acc, float a, float b) const {
    acc = __builtin_fmaf(a, b, acc);
  }
};

/// For a product of two finite bf16 values that is exact in fp32.
struct ExactProductAdd {
  [[gnu::always_inline]] void operator()(float& acc, float a, float b) const { acc = acc + a * b; }
};

#if defined(__x86_64__)

class DenormalsAreZero {
 public:
  DenormalsAreZero() noexcept : before_(_mm_getcsr()) {
    _mm_setcsr(0x1f80 | 0x8040);  // the default mode, flush to zero, denormals are zero
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

bool has_avx2() {
  static const bool has = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return has;
}

[[gnu::target("avx2,fma")]] void multiply_avx2(const MatmulSize& size,
                                               const Packed<std::int32_t>& packed,
                                               std::int32_t* c) {
  multiply_packed(size, packed, c, MultiplyAdd{});
}

[[gnu::target("avx2,fma")]] void multiply_avx2(const MatmulSize& size, const Packed<float>& packed,
                                               float* c) {
  multiply_packed(size, packed, c, FusedMultiplyAdd{});
}

/// All products are zero or normal, so that a rounded product loses nothing.
bool products_are_exact(const Packed<float>& packed) {
  const auto exponents = [](const std::vector<float>& values) {
    std::array<int, 2> range{1, 0};  // of no value
    for (const float value : values) {
      const auto exponent = static_cast<int>((std::bit_cast<std::uint32_t>(value) >> 23) & 0xff);
      if (exponent == 0) continue;  // zero, or a denormal that counts as zero
      if (range[0] > range[1]) range = {exponent, exponent};
      range = {std::min(range[0], exponent), std::max(range[1], exponent)};
    }
    return range;
  };
  const auto a = exponents(packed.a);
  const auto b = exponents(packed.b);
  if (a[1] == 0xff || b[1] == 0xff) return false;
  const bool is_zero = a[0] > a[1] || b[0] > b[1];
  return is_zero || (a[0] + b[0] > 127 && a[1] + b[1] < 2 * 127 + 127);
}

#endif

void multiply_by_definition(const MatmulSize& size, const Bf16* a, const Bf16* b, float* c) {
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

void multiply(const MatmulSize& size, const std::int8_t* a, const std::int8_t* b, std::int32_t* c) {
  thread_local Packed<std::int32_t> packed;
  pack(packed, size, a, b, [](std::int8_t value) { return std::int32_t{value}; });
#if defined(__x86_64__)
  if (has_avx2()) return multiply_avx2(size, packed, c);
#endif
  multiply_packed(size, packed, c, MultiplyAdd{});
}

void multiply(const MatmulSize& size, const Bf16* a, const Bf16* b, float* c) {
#if defined(__x86_64__)
  thread_local Packed<float> packed;
  pack(packed, size, a, b, [](Bf16 value) { return to_float(value); });
  if (has_avx2()) {
    const DenormalsAreZero mode;
    return multiply_avx2(size, packed, c);
  }
  if (products_are_exact(packed)) {
    const DenormalsAreZero mode;
    return multiply_packed(size, packed, c, ExactProductAdd{});
  }
#endif
  multiply_by_definition(size, a, b, c);
}

}  // namespace fulgurite::tile::detail
