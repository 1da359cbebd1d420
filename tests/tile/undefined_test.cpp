#include "fixture.hpp"

namespace fulgurite::tile {
namespace {

using testing::ElementsAre;

class UndefinedValues : public TileTest {};

TEST_F(UndefinedValues, AreNoErrorUntilTheyReachAnOutput) {
  const Tensor scratch = pl.create_tensor("scratch", {2, 2}, DType::f32);
  const Tensor out = zeros<float>({2, 2});
  in_scope([&] {
    scratch({0, 1}, all) = pl.full({1, 2}, DType::f32, 1);
    const Tile both = mul(scratch(all, all), 2);
    EXPECT_THAT(undefined(both), ElementsAre(0, 0, 1, 1));
    out({0, 1}, all) = both({0, 1}, all);
    EXPECT_TRUE(pl.trace().findings.empty());
    out(all, all) = both;
  });
  ASSERT_EQ(pl.trace().findings.size(), 1U);
  const Finding& finding = pl.trace().findings[0];
  EXPECT_EQ(finding.kind, FindingKind::undefined_output);
  EXPECT_EQ(finding.count, 2);
  EXPECT_EQ(finding.buffer, out.buffer());
  EXPECT_THAT(finding.message, testing::HasSubstr("undefined elements are written to out"));
}

TEST_F(UndefinedValues, OneLineIsOneFinding) {
  const Tensor out = zeros<float>({4, 1});
  in_scope([&] {
    const Value nothing = pl.create_tensor("nothing", {1, 1}, DType::f32);
    for (const Index i : pl.range(4)) out({i, 1}, all) = neg(nothing);
  });
  ASSERT_EQ(pl.trace().findings.size(), 1U);
  EXPECT_EQ(pl.trace().findings[0].count, 4);
}

TEST_F(UndefinedValues, OutsideOfTheValidRegionAreNotStored) {
  const Tensor x = tensor<float>({1, 1}, {1});
  const Tensor out = zeros<float>({1, 2});
  in_scope([&] { out(all, all) = slice(x, {1, 2}, {0, 0}, Shape{1, 1}); });
  EXPECT_TRUE(pl.trace().findings.empty());
}

TEST_F(UndefinedValues, SpoilTheirRowAndColumnOfAProduct) {
  const Tensor x = tensor<Bf16>({1, 2}, std::vector<Bf16>(2));
  const Tensor y = tensor<Bf16>({2, 2}, std::vector<Bf16>(4));
  in_scope([&] {
    const Tile padded = slice(x, {2, 2}, {0, 0}, Shape{1, 2});
    const Tile product = matmul(padded, y, {.out_dtype = DType::f32});
    EXPECT_THAT(undefined(product), ElementsAre(0, 0, 1, 1));
    EXPECT_EQ(product.valid_shape(), (Shape{1, 2}));
    const Tile crossed = matmul(y, padded, {.out_dtype = DType::f32, .b_trans = true});
    EXPECT_THAT(undefined(crossed), ElementsAre(0, 1, 0, 1));
    EXPECT_THAT(undefined(matmul_acc(product, y, padded, {.b_trans = true})),
                ElementsAre(0, 1, 1, 1));
  });
}

TEST_F(UndefinedValues, SpoilReductionsAndExpands) {
  const Tensor x = tensor<float>({2, 1}, {1, 2});
  in_scope([&] {
    Tile part = pl.create_tensor("part", {2, 2}, DType::f32);
    part(all, {0, 1}) = x(all, all);
    part({0, 1}, {1, 1}) = pl.full({1, 1}, DType::f32, 3);
    EXPECT_THAT(undefined(part), ElementsAre(0, 0, 0, 1));
    const Tile sum = row_sum(part);
    EXPECT_THAT(undefined(sum), ElementsAre(0, 1));
    const Tile full = pl.full({2, 2}, DType::f32, 1);
    EXPECT_THAT(undefined(row_expand_mul(full, sum)), ElementsAre(0, 0, 1, 1));
    EXPECT_THAT(undefined(col_expand_mul(full, reshape(sum, {1, 2}))), ElementsAre(0, 1, 0, 1));
    EXPECT_THAT(undefined(cast(part, DType::bf16, Round::rint)), ElementsAre(0, 0, 0, 1));
  });
}

TEST_F(UndefinedValues, OfEitherOperandSpoilTheResult) {
  const Tensor x = tensor<float>({1, 1}, {1});
  in_scope([&] {
    Tile left = pl.create_tensor("left", {1, 3}, DType::f32);
    Tile right = pl.create_tensor("right", {1, 3}, DType::f32);
    left(all, {0, 1}) = x(all, all);
    left(all, {1, 1}) = x(all, all);
    right(all, {0, 1}) = x(all, all);
    right(all, {2, 1}) = x(all, all);
    EXPECT_THAT(undefined(add(left, right)), ElementsAre(0, 1, 1));
    EXPECT_THAT(undefined(add(right, left)), ElementsAre(0, 1, 1));
  });
}

TEST_F(UndefinedValues, PassThroughKeptValues) {
  const Tensor out = zeros<float>({1, 2});
  const Tensor kept = pl.at(
      "first", [&] { return keep("nothing", pl.create_tensor("nothing", {1, 2}, DType::f32)); });
  EXPECT_TRUE(pl.trace().findings.empty());
  pl.at("second", [&] { out(all, all) = neg(kept); });
  ASSERT_EQ(pl.trace().findings.size(), 1U);
  EXPECT_EQ(pl.trace().findings[0].count, 2);
}

TEST_F(UndefinedValues, ThatSteerTheProgramAreAFinding) {
  const Tensor scratch = pl.create_tensor("scratch", {1, 1}, DType::i32);
  read(scratch, {0, 0});
  ASSERT_EQ(pl.trace().findings.size(), 1U);
  EXPECT_EQ(pl.trace().findings[0].kind, FindingKind::undefined_scalar);
}

TEST_F(UndefinedValues, CostNothingWhereAllIsDefined) {
  const Tensor scratch = pl.create_tensor("scratch", {1, 2}, DType::f32);
  in_scope([&] {
    scratch(all, all) = pl.full({1, 2}, DType::f32, 1);
    EXPECT_EQ(Tile(scratch(all, all)).node()->undefined(), nullptr);
  });
}

TEST(UndefinedWithoutNumbers, AreFoundInAShapeOnlyRun) {
  Program pl(Mode::shape_only);
  const Tensor out = pl.parameter("out", Mark::inout, DType::f32, {1, 32}, nullptr);
  pl.at("s", [&] {
    const Value nothing = pl.create_tensor("nothing", {1, 32}, DType::f32);
    const Tile pairs = sort32(nothing, pl.arange(0, {1, 32}, DType::u32));
    out(all, all) = gather(pairs, MaskPattern::P0101);
  });
  ASSERT_EQ(pl.trace().findings.size(), 1U);
  EXPECT_EQ(pl.trace().findings[0].kind, FindingKind::undefined_output);
}

}  // namespace
}  // namespace fulgurite::tile
