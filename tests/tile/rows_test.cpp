#include "fixture.hpp"

namespace fulgurite::tile {
namespace {

using testing::ElementsAre;

class Rows : public TileTest {};

TEST_F(Rows, SumAscendsOneByOneFromPlusZero) {
  const Tensor x = tensor<float>({2, 3}, {0x1p24F, 1.F, 1.F, -0.F, -0.F, -0.F});
  in_scope([&] {
    const Tile sum = row_sum(x);
    EXPECT_EQ(sum.shape(), (Shape{2, 1}));
    EXPECT_THAT(float_bits(sum), ElementsAre(bits(0x1p24F), 0U))
        << "each 1 is lost; from the other end they would not be";
  });
}

TEST_F(Rows, MaximumOfARowIsNanIfAnythingInItIs) {
  const Tensor x = tensor<float>({3, 3}, {1, 3, 2, -kInf, -kInf, -kInf, 5, kNan, 7});
  in_scope(
      [&] { EXPECT_THAT(float_bits(row_max(x)), ElementsAre(bits(3.F), bits(-kInf), kNanBits)); });
}

TEST_F(Rows, ReductionsLookAtValidElementsOnly) {
  const Tensor x = tensor<float>({2, 3}, {1, 2, 100, 3, 4, 100});
  in_scope([&] {
    const Tile sum = row_sum(set_validshape(x, 1, 2));
    EXPECT_EQ(elements<float>(sum)[0], 3.F);
    EXPECT_EQ(sum.valid_shape(), (Shape{1, 1}));
    EXPECT_THAT(undefined(sum), ElementsAre(0, 1));
    EXPECT_EQ(elements<float>(row_max(set_validshape(x, 2, 1)))[1], 3.F);
    EXPECT_THAT(undefined(row_max(set_validshape(x, 2, 0))), ElementsAre(1, 1));
  });
}

TEST_F(Rows, ExpandsMultiplyByRowAndByColumn) {
  const Tensor x = tensor<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  const Tensor rows = tensor<float>({2, 1}, {10, 100});
  const Tensor cols = tensor<float>({1, 3}, {1, 0.5F, 2});
  in_scope([&] {
    EXPECT_THAT(elements<float>(row_expand_mul(x, rows)), ElementsAre(10, 20, 30, 400, 500, 600));
    EXPECT_THAT(elements<float>(col_expand_mul(x, cols)), ElementsAre(1, 1, 6, 4, 2.5F, 12));
    EXPECT_THAT(elements<float>(col_expand(x, cols)), ElementsAre(1, 0.5F, 2, 1, 0.5F, 2));
  });
}

TEST_F(Rows, TheBaseOfAnExpandGivesItsShapeOnly) {
  const Tensor cols = tensor<float>({1, 2}, {1, 2});
  in_scope([&] {
    const Value base = pl.create_tensor("base", {2, 2}, DType::f32);
    EXPECT_THAT(undefined(col_expand(base, cols)), ElementsAre(0, 0, 0, 0));
  });
}

TEST_F(Rows, RefusesVectorsOfTheOtherOrientation) {
  const Tensor x = tensor<float>({2, 2}, {1, 2, 3, 4});
  const Tensor column = tensor<float>({2, 1}, {1, 2});
  const Tensor row = tensor<float>({1, 2}, {1, 2});
  const Tensor line = tensor<float>({2}, {1, 2});
  expect_refusal("row_expand_mul in scope test", [&] { row_expand_mul(x, row); });
  expect_refusal("v: expected [2, 1], found [1, 2]", [&] { row_expand_mul(x, row); });
  expect_refusal("v: expected [1, 2], found [2, 1]", [&] { col_expand_mul(x, column); });
  expect_refusal("v: expected [1, 2], found [2, 2]", [&] { col_expand(x, x); });
  expect_refusal("v: expected [rows, cols], found [2]", [&] { col_expand_mul(x, line); });
  expect_refusal("x: expected [rows, cols], found [2]", [&] { row_sum(line); });
}

}  // namespace
}  // namespace fulgurite::tile
