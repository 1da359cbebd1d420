#include <random>

#include "fixture.hpp"
#include "indexer/arithmetic.hpp"
#include "tile/product.hpp"

namespace fulgurite::tile {
namespace {

using detail::ProductSize;

class Matmul : public TileTest {};

/// bf16 values among which sums cancel, underflow and overflow.
std::vector<Bf16> awkward(std::mt19937& random, Index count) {
  std::vector<Bf16> values;
  for (Index i = 0; i < count; ++i) {
    const auto draw = random() % 16;
    auto bits = static_cast<std::uint16_t>(random());
    if (draw < 12) bits = static_cast<std::uint16_t>((bits & 0x80ff) | (0x3f00 + (draw << 7)));
    if (draw == 12) bits = static_cast<std::uint16_t>((bits & 0x80ff) | 0x2000);  // tiny
    if (draw == 13) bits = static_cast<std::uint16_t>(bits & 0x807f);             // denormal
    values.push_back({bits});
  }
  return values;
}

std::vector<Bf16> plain(std::mt19937& random, Index count) {
  std::vector<Bf16> values;
  std::normal_distribution<float> normal;
  for (Index i = 0; i < count; ++i) values.push_back(to_bf16(normal(random)));
  return values;
}

float reference_dot(const ProductSize& size, const std::vector<Bf16>& a, const std::vector<Bf16>& b,
                    Index row, Index col) {
  std::vector<Bf16> left;
  std::vector<Bf16> right;
  for (Index k = 0; k < size.k; ++k) {
    left.push_back(a[static_cast<std::size_t>(row * size.k + k)]);
    right.push_back(b[static_cast<std::size_t>(k * size.n + col)]);
  }
  return canonical(reference::dot(left, right));
}

void expect_dots(const ProductSize& size, const std::vector<Bf16>& a, const std::vector<Bf16>& b,
                 const std::vector<float>& c) {
  for (Index row = 0; row < size.m; ++row) {
    for (Index col = 0; col < size.n; ++col) {
      ASSERT_EQ(bits(canonical(c[static_cast<std::size_t>(row * size.n + col)])),
                bits(reference_dot(size, a, b, row, col)))
          << row << ", " << col;
    }
  }
}

TEST(Product, IsTheDotOfTheDefinitionOnEveryKernel) {
  std::mt19937 random(1);
  for (const auto draw : {plain, awkward}) {
    for (const ProductSize& size : {ProductSize{1, 2, 1}, {5, 64, 33}, {16, 128, 16}, {4, 30, 7}}) {
      const std::vector<Bf16> a = draw(random, size.m * size.k);
      const std::vector<Bf16> b = draw(random, size.k * size.n);
      for (const detail::MatmulKernels* kernels :
           {&detail::kGenericMatmul, &detail::best_matmul()}) {
        std::vector<float> c(static_cast<std::size_t>(size.m * size.n));
        detail::multiply(size, a.data(), b.data(), c.data(), *kernels);
        expect_dots(size, a, b, c);
      }
    }
  }
}

TEST(Product, FusedStepsDifferFromRoundedProductsWhereProductsUnderflow) {
  // 2^-130 + 2^-126: lost if the product is rounded (and flushed) by itself.
  const std::vector<Bf16> a{to_bf16(0x1p-65F), to_bf16(0x1p-63F)};
  const std::vector<Bf16> b{to_bf16(0x1p-65F), to_bf16(0x1p-63F)};
  for (const detail::MatmulKernels* kernels : {&detail::kGenericMatmul, &detail::best_matmul()}) {
    float c = 0;
    detail::multiply({1, 2, 1}, a.data(), b.data(), &c, *kernels);
    EXPECT_EQ(c, 0x1.1p-126F);
  }
}

TEST(Product, DenormalOperandsAndSumsCountAsZeroOfTheirSign) {
  const Bf16 zero{};
  const Bf16 denormal{0x0040};  // 2^-127
  const Bf16 huge = to_bf16(0x1p100F);
  const Bf16 small = to_bf16(0x1p-64F);
  const Bf16 minus = to_bf16(-0x1p-64F);
  struct Case {
    std::vector<Bf16> a;
    std::vector<Bf16> b;
    float expected;
  };
  const std::vector<Case> cases{
      {{denormal, zero}, {huge, zero}, 0.F},  // an operand
      {{small, zero}, {small, zero}, 0.F},    // 2^-128, a sum
      {{minus, zero}, {small, zero}, -0.F},   // -2^-128
      {{to_bf16(0x1p-63F), zero}, {to_bf16(0x1p-63F), zero}, 0x1p-126F},
  };
  for (const detail::MatmulKernels* kernels : {&detail::kGenericMatmul, &detail::best_matmul()}) {
    for (const Case& c : cases) {
      float sum = 0;
      detail::multiply({1, 2, 1}, c.a.data(), c.b.data(), &sum, *kernels);
      EXPECT_EQ(bits(sum), bits(c.expected));
      EXPECT_EQ(bits(sum), bits(reference::dot(c.a, c.b)));
    }
    // The difference of two normal numbers, exact and denormal: 1.0000001b * 2^-126 - 2^-126.
    const std::vector<Bf16> a{to_bf16(0x1.02p-63F), to_bf16(-0x1p-63F)};
    const std::vector<Bf16> b{to_bf16(0x1p-63F), to_bf16(0x1p-63F)};
    float sum = 0;
    detail::multiply({1, 2, 1}, a.data(), b.data(), &sum, *kernels);
    EXPECT_EQ(bits(sum), 0U);
    EXPECT_EQ(bits(sum), bits(reference::dot(a, b)));
  }
}

TEST(Product, IntegersAreExact) {
  std::mt19937 random(2);
  const ProductSize size{7, 257, 19};
  std::vector<std::int8_t> a;
  std::vector<std::int8_t> b;
  for (Index i = 0; i < size.m * size.k; ++i) a.push_back(static_cast<std::int8_t>(random()));
  for (Index i = 0; i < size.k * size.n; ++i) b.push_back(static_cast<std::int8_t>(random()));
  a[0] = a[1] = b[0] = -128;
  for (const detail::MatmulKernels* kernels : {&detail::kGenericMatmul, &detail::best_matmul()}) {
    std::vector<std::int32_t> c(static_cast<std::size_t>(size.m * size.n), 5);
    detail::multiply(size, a.data(), b.data(), c.data(), *kernels);
    for (Index row = 0; row < size.m; ++row) {
      for (Index col = 0; col < size.n; ++col) {
        std::int32_t sum = 5;
        for (Index k = 0; k < size.k; ++k) {
          sum += a[static_cast<std::size_t>(row * size.k + k)] *
                 b[static_cast<std::size_t>(k * size.n + col)];
        }
        ASSERT_EQ(c[static_cast<std::size_t>(row * size.n + col)], sum);
      }
    }
  }
}

/// The product in steps of `step` along K.
Tile in_steps(Program& pl, const Tensor& a, const Tensor& b, Index depth, Index step) {
  Tile acc;
  for (const Index k : pl.pipeline(0, depth, step, {.stage = 2})) {
    const Tile left = a(all, {k, step});
    const Tile right = b({k, step}, all);
    acc = k == 0 ? matmul(left, right, {.out_dtype = DType::f32}) : matmul_acc(acc, left, right);
  }
  return acc;
}

TEST_F(Matmul, TilingKNeverChangesABit) {
  std::mt19937 random(3);
  for (const auto draw : {plain, awkward}) {
    const Tensor a = tensor({8, 96}, draw(random, 8 * 96));
    const Tensor b = tensor({96, 24}, draw(random, 96 * 24));
    in_scope([&] {
      const auto whole = float_bits(matmul(a, b, {.out_dtype = DType::f32}));
      for (const Index step : {2, 6, 16, 32, 48}) {
        EXPECT_EQ(float_bits(in_steps(pl, a, b, 96, step)), whole) << step;
      }
    });
  }
}

TEST_F(Matmul, TransposedOperandsAreThoseOfTheStraightProduct) {
  std::mt19937 random(4);
  const std::vector<Bf16> a = plain(random, 3 * 4);
  const std::vector<Bf16> b = plain(random, 4 * 5);
  std::vector<Bf16> a_t(12);
  std::vector<Bf16> b_t(20);
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t k = 0; k < 4; ++k) a_t[k * 3 + i] = a[i * 4 + k];
  }
  for (std::size_t k = 0; k < 4; ++k) {
    for (std::size_t j = 0; j < 5; ++j) b_t[j * 4 + k] = b[k * 5 + j];
  }
  const Tensor straight_a = tensor({3, 4}, a);
  const Tensor straight_b = tensor({4, 5}, b);
  const Tensor crossed_a = tensor({4, 3}, a_t);
  const Tensor crossed_b = tensor({5, 4}, b_t);
  in_scope([&] {
    const auto expected = float_bits(matmul(straight_a, straight_b, {.out_dtype = DType::f32}));
    EXPECT_EQ(float_bits(matmul(crossed_a, crossed_b,
                                {.out_dtype = DType::f32, .a_trans = true, .b_trans = true})),
              expected);
  });
}

TEST_F(Matmul, RefusesByName) {
  const Tensor x = tensor<Bf16>({2, 4}, std::vector<Bf16>(8));
  const Tensor odd = tensor<Bf16>({2, 3}, std::vector<Bf16>(6));
  const Tensor codes = tensor<std::int8_t>({4, 2}, std::vector<std::int8_t>(8));
  const Tensor wide = tensor<float>({4, 2}, std::vector<float>(8));
  const MatmulOptions to_float{.out_dtype = DType::f32};
  expect_refusal("inner sizes differ: a is [2, 4], b is [2, 4]", [&] { matmul(x, x, to_float); });
  expect_refusal("out_dtype: missing", [&] { matmul(x, x, {.b_trans = true}); });
  expect_refusal(
      "out_dtype: expected FP32 for BF16, found BF16",
      [&] { matmul(x, x, {.out_dtype = DType::bf16, .b_trans = true}); }, ErrorKind::unsupported);
  expect_refusal("a and b: expected one type, found BF16 and INT8",
                 [&] { matmul(x, codes, to_float); });
  expect_refusal(
      "expected INT8 or BF16, found FP32", [&] { matmul(wide, wide, to_float); },
      ErrorKind::unsupported);
  expect_refusal(
      "K: expected an even number, found 3",
      [&] { matmul(odd, odd, {.out_dtype = DType::f32, .b_trans = true}); },
      ErrorKind::unsupported);
  expect_refusal(
      "c_matrix_nz",
      [&] { matmul(x, x, {.out_dtype = DType::f32, .b_trans = true, .c_matrix_nz = true}); },
      ErrorKind::unsupported);
  expect_refusal("acc: expected FP32, found INT32",
                 [&] { matmul_acc(pl.full({2, 2}, DType::i32, 0), x, x, {.b_trans = true}); });
  expect_refusal("acc: expected [2, 2], found [1, 2]",
                 [&] { matmul_acc(pl.full({1, 2}, DType::f32, 0), x, x, {.b_trans = true}); });
}

TEST_F(Matmul, ATensorUsedStraightAndTransposedIsAFinding) {
  const Tensor x = tensor<Bf16>({2, 2}, std::vector<Bf16>(4), Mark::unmarked, "select");
  in_scope([&] {
    matmul(x, x, {.out_dtype = DType::f32});
    EXPECT_TRUE(pl.trace().findings.empty());
    const Tile window = x({0, 2}, all);
    matmul(window, reshape(window, {2, 2}), {.out_dtype = DType::f32, .b_trans = true});
  });
  ASSERT_EQ(pl.trace().findings.size(), 1U);
  EXPECT_EQ(pl.trace().findings[0].kind, FindingKind::straight_and_transposed);
  EXPECT_THAT(pl.trace().findings[0].message, testing::HasSubstr("select is used both"));
}

TEST_F(Matmul, TwoScopesMayUseATensorInBothWays) {
  const Tensor x = tensor<Bf16>({2, 2}, std::vector<Bf16>(4));
  in_scope([&] { matmul(x, x, {.out_dtype = DType::f32}); });
  in_scope([&] { matmul(x, x, {.out_dtype = DType::f32, .a_trans = true, .b_trans = true}); });
  EXPECT_TRUE(pl.trace().findings.empty());
}

}  // namespace
}  // namespace fulgurite::tile
