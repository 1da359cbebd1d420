#include "fixture.hpp"

namespace fulgurite::tile {
namespace {

using testing::ElementsAre;

class Cast : public TileTest {};

std::vector<std::uint16_t> halves(const Value& tile) { return elements<std::uint16_t>(tile); }

TEST_F(Cast, FloatToBf16RoundsTiesToEven) {
  const Tensor x = tensor<float>({1, 4}, {0x1.01p0F, 0x1.03p0F, kNan, 0x1.fffffep127F});
  in_scope([&] {
    EXPECT_THAT(halves(cast(x, DType::bf16, Round::rint)),
                ElementsAre(0x3f80, 0x3f82, kBf16NanBits, 0x7f80));
  });
}

TEST_F(Cast, FloatToIntegerRoundsAsTheModeSays) {
  const Tensor x = tensor<float>({1, 6}, {0.5F, 1.5F, -0.5F, -1.5F, 2.4F, -2.6F});
  const auto cast_by = [&](Round mode) {
    return elements<std::int32_t>(cast(x, DType::i32, mode));
  };
  in_scope([&] {
    EXPECT_THAT(cast_by(Round::rint), ElementsAre(0, 2, 0, -2, 2, -3));
    EXPECT_THAT(cast_by(Round::round), ElementsAre(1, 2, -1, -2, 2, -3));
    EXPECT_THAT(cast_by(Round::floor), ElementsAre(0, 1, -1, -2, 2, -3));
    EXPECT_THAT(cast_by(Round::ceil), ElementsAre(1, 2, 0, -1, 3, -2));
    EXPECT_THAT(cast_by(Round::trunc), ElementsAre(0, 1, 0, -1, 2, -2));
    EXPECT_THAT(elements<std::int32_t>(cast(x, DType::i32)), ElementsAre(1, 2, -1, -2, 2, -3))
        << "the default takes ties away from zero";
  });
}

TEST_F(Cast, IntegerToFloatIsNearestEvenUnlessAskedForRound) {
  const Tensor x =
      tensor<std::int32_t>({1, 4}, {(1 << 24) + 1, -((1 << 24) + 1), 7, (1 << 24) + 3});
  in_scope([&] {
    EXPECT_THAT(elements<float>(cast(x, DType::f32, Round::none)),
                ElementsAre(0x1p24F, -0x1p24F, 7.F, 0x1.000004p24F));
    EXPECT_THAT(elements<float>(cast(x, DType::f32)),
                ElementsAre(0x1.000002p24F, -0x1.000002p24F, 7.F, 0x1.000004p24F));
  });
}

TEST_F(Cast, TheThreeStepsOfTheSeedAreOneQuantiser) {
  const Tensor x = tensor<float>({1, 5}, {126.5F, -126.5F, 0.5F, 127.F, -3.49F});
  in_scope([&] {
    const Tile whole = cast(x, DType::i32, Round::rint);
    const Tile half = cast(whole, DType::f16, Round::round);
    EXPECT_THAT(elements<std::int8_t>(cast(half, DType::i8, Round::trunc)),
                ElementsAre(126, -126, 0, 127, -3));
  });
  EXPECT_TRUE(pl.trace().findings.empty());
}

TEST_F(Cast, WideningKeepsEveryValue) {
  const Tensor x = tensor<Bf16>({1, 2}, {to_bf16(1.5F), to_bf16(-kInf)});
  in_scope([&] { EXPECT_THAT(elements<float>(cast(x, DType::f32)), ElementsAre(1.5F, -kInf)); });
}

TEST_F(Cast, ANumberThatHasNoIntegerIsAFinding) {
  const Tensor x = tensor<float>({1, 4}, {kNan, kInf, -3e9F, 1.F});
  in_scope([&] {
    EXPECT_THAT(elements<std::int32_t>(cast(x, DType::i32, Round::rint)),
                ElementsAre(0, std::numeric_limits<std::int32_t>::max(),
                            std::numeric_limits<std::int32_t>::min(), 1));
  });
  ASSERT_EQ(pl.trace().findings.size(), 1U);
  const Finding& finding = pl.trace().findings[0];
  EXPECT_EQ(finding.kind, FindingKind::conversion);
  EXPECT_EQ(finding.count, 3);
  EXPECT_THAT(finding.message, testing::HasSubstr("cast in scope test at cast_test.cpp:"));
}

TEST_F(Cast, WhatIsNotValidIsNoFinding) {
  const Tensor x = tensor<float>({1, 2}, {1.F, kNan});
  in_scope([&] { cast(set_validshape(x, 1, 1), DType::i32, Round::rint); });
  EXPECT_TRUE(pl.trace().findings.empty());
}

TEST_F(Cast, RefusesWhatKernelsDoNotWrite) {
  const Tensor x = tensor<float>({1, 1}, {1.F});
  const Tensor i = tensor<std::int32_t>({1, 1}, {1});
  expect_refusal("target_type: x is FP32 already", [&] { cast(x, DType::f32); });
  expect_refusal("mode: odd", [&] { cast(x, DType::i32, Round::odd); }, ErrorKind::unsupported);
  expect_refusal(
      "mode: expected rint for FP32 to BF16, found round", [&] { cast(x, DType::bf16); },
      ErrorKind::unsupported);
  expect_refusal("mode: expected a rounding for FP32 to INT32, found none",
                 [&] { cast(x, DType::i32, Round::none); });
  expect_refusal(
      "mode: expected none, rint or round for INT32 to FP32, found floor",
      [&] { cast(i, DType::f32, Round::floor); }, ErrorKind::unsupported);
  expect_refusal(
      "FP32 to INT8 is no single conversion", [&] { cast(x, DType::i8); }, ErrorKind::unsupported);
}

}  // namespace
}  // namespace fulgurite::tile
