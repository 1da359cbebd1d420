#include <cmath>

#include "fixture.hpp"
#include "indexer/exp.hpp"

namespace fulgurite::tile {
namespace {

using testing::ElementsAre;

class Elementwise : public TileTest {};

TEST_F(Elementwise, RoundsEachOperationOnce) {
  const Tensor x = tensor<float>({1, 2}, {1.F, 3.F});
  const Tensor y = tensor<float>({1, 2}, {0x1p-24F, 0x1.000002p0F});
  in_scope([&] {
    EXPECT_THAT(elements<float>(add(x, y)), ElementsAre(1.F, 3.F + 0x1.000002p0F));
    EXPECT_THAT(elements<float>(sub(x, y)), ElementsAre(1.F - 0x1p-24F, 3.F - 0x1.000002p0F));
    EXPECT_THAT(elements<float>(mul(x, y)), ElementsAre(0x1p-24F, 3.F * 0x1.000002p0F));
    EXPECT_THAT(elements<float>(div(x, y)), ElementsAre(0x1p24F, 3.F / 0x1.000002p0F));
    EXPECT_THAT(elements<float>(recip(x)), ElementsAre(1.F, 1.F / 3.F));
    EXPECT_THAT(elements<float>(sqrt(x)), ElementsAre(1.F, std::sqrt(3.F)));
    EXPECT_THAT(elements<float>(neg(x)), ElementsAre(-1.F, -3.F));
    EXPECT_THAT(elements<float>(abs(neg(x))), ElementsAre(1.F, 3.F));
  });
}

TEST_F(Elementwise, KeepsDenormals) {
  const Tensor x = tensor<float>({1, 1}, {0x1p-126F});
  in_scope([&] { EXPECT_THAT(elements<float>(mul(x, 0.5)), ElementsAre(0x1p-127F)); });
}

TEST_F(Elementwise, ExpIsTheProjectsOwn) {
  const Tensor x = tensor<float>({1, 5}, {-kInf, -104.F, 0.3F, 88.F, kInf});
  in_scope([&] {
    EXPECT_THAT(
        elements<float>(exp(x)),
        ElementsAre(0.F, reference::exp(-104.F), reference::exp(0.3F), reference::exp(88.F), kInf));
  });
}

TEST_F(Elementwise, EveryNanThatIsMadeIsTheCanonicalOne) {
  const Tensor x = tensor<float>({1, 3}, {kInf, std::bit_cast<float>(0xffc12345U), 0.F});
  const Tensor y = tensor<float>({1, 3}, {-kInf, 1.F, 0.F});
  in_scope([&] {
    EXPECT_THAT(float_bits(add(x, y)), ElementsAre(kNanBits, kNanBits, 0U));
    EXPECT_THAT(float_bits(div(y, y)), ElementsAre(kNanBits, bits(1.F), kNanBits));
    EXPECT_THAT(float_bits(neg(x)), ElementsAre(bits(-kInf), kNanBits, 0x80000000U));
    EXPECT_THAT(float_bits(abs(x)), ElementsAre(bits(kInf), kNanBits, 0U));
    EXPECT_THAT(float_bits(exp(x)), ElementsAre(bits(kInf), kNanBits, bits(1.F)));
    EXPECT_THAT(float_bits(sqrt(y)), ElementsAre(kNanBits, bits(1.F), 0U));
  });
}

TEST_F(Elementwise, MaximumIsNanIfEitherSideIs) {
  const Tensor x = tensor<float>({1, 4}, {kNan, 1.F, -2.F, 3.F});
  const Tensor y = tensor<float>({1, 4}, {1.F, kNan, 5.F, -kInf});
  in_scope([&] {
    EXPECT_THAT(float_bits(maximum(x, y)), ElementsAre(kNanBits, kNanBits, bits(5.F), bits(3.F)));
  });
}

TEST_F(Elementwise, ReluByAProductGivesMinusZeroAndNan) {
  const Tensor x = tensor<float>({1, 4}, {-2.F, 2.F, kInf, 0.F});
  in_scope([&] {
    EXPECT_THAT(float_bits(maximum(x, mul(x, 0.0))),
                ElementsAre(0x80000000U, bits(2.F), kNanBits, 0U));
  });
}

TEST_F(Elementwise, IntegersWrap) {
  const Tensor x = tensor<std::int32_t>({1, 2}, {std::numeric_limits<std::int32_t>::max(), -5});
  in_scope([&] {
    EXPECT_THAT(elements<std::int32_t>(add(x, 1)),
                ElementsAre(std::numeric_limits<std::int32_t>::min(), -4));
    EXPECT_THAT(elements<std::int32_t>(sub(x, x)), ElementsAre(0, 0));
    EXPECT_THAT(elements<std::int32_t>(mul(x, 2)), ElementsAre(-2, -10));
    EXPECT_THAT(elements<std::int32_t>(maximum(x, 0)),
                ElementsAre(std::numeric_limits<std::int32_t>::max(), 0));
    EXPECT_THAT(elements<std::int32_t>(abs(x)),
                ElementsAre(std::numeric_limits<std::int32_t>::max(), 5));
    EXPECT_THAT(elements<std::int32_t>(neg(x)),
                ElementsAre(-std::numeric_limits<std::int32_t>::max(), 5));
  });
}

TEST_F(Elementwise, ANumberTakesTheTilesType) {
  const Tensor x = tensor<float>({1, 1}, {1.F});
  in_scope([&] { EXPECT_THAT(elements<float>(mul(x, 0.1)), ElementsAre(0.1F)); });
  const Tensor i = tensor<std::int32_t>({1, 1}, {7});
  expect_refusal("number: expected one of INT32, found 0.5", [&] { add(i, 0.5); });
}

TEST_F(Elementwise, AScalarMustHaveTheTilesType) {
  const Tensor i = tensor<std::int32_t>({1, 1}, {7});
  in_scope([&] {
    EXPECT_THAT(elements<std::int32_t>(add(i, pl.cast(128, DType::i32))), ElementsAre(135));
  });
  expect_refusal("expected INT32, found a scalar of UINT32",
                 [&] { add(i, pl.cast(128, DType::u32)); });
}

TEST_F(Elementwise, RefusesOtherShapesAndTypes) {
  const Tensor x = tensor<float>({2, 2}, {1, 2, 3, 4});
  const Tensor y = tensor<float>({1, 4}, {1, 2, 3, 4});
  const Tensor i = tensor<std::int32_t>({2, 2}, {1, 2, 3, 4});
  const Tensor h = tensor<Bf16>({1, 1}, {Bf16{}});
  expect_refusal("add in scope test at elementwise_test.cpp:", [&] { add(x, y); });
  expect_refusal("y: expected [2, 2], found [1, 4]", [&] { add(x, y); });
  expect_refusal("y: expected FP32, found INT32", [&] { mul(x, i); });
  expect_refusal(
      "x: expected FP32 or INT32, found BF16", [&] { add(h, h); }, ErrorKind::unsupported);
  expect_refusal("x: expected FP32, found INT32", [&] { exp(i); }, ErrorKind::unsupported);
  expect_refusal("x: expected FP32, found INT32", [&] { div(i, i); }, ErrorKind::unsupported);
}

TEST_F(Elementwise, KeepsTheCommonValidRegion) {
  const Tensor x = tensor<float>({2, 2}, {1, 2, 3, 4});
  in_scope([&] {
    const Tile a = set_validshape(x, 1, 2);
    const Tile b = set_validshape(x, 2, 1);
    EXPECT_EQ(add(a, b).valid_shape(), (Shape{1, 1}));
    EXPECT_EQ(neg(a).valid_shape(), (Shape{1, 2}));
  });
}

}  // namespace
}  // namespace fulgurite::tile
