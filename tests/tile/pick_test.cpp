#include "fixture.hpp"

namespace fulgurite::tile {
namespace {

using testing::ElementsAre;

class Pick : public TileTest {};

TEST_F(Pick, PatternsReadFromRightToLeft) {
  const Tensor x = tensor<float>({2, 4}, {0, 1, 2, 3, 10, 11, 12, 13});
  const auto picked = [&](MaskPattern mask) { return elements<float>(gather(x, mask)); };
  in_scope([&] {
    EXPECT_THAT(picked(MaskPattern::P0101), ElementsAre(0, 2, 10, 12));
    EXPECT_THAT(picked(MaskPattern::P1010), ElementsAre(1, 3, 11, 13));
    EXPECT_THAT(picked(MaskPattern::P0001), ElementsAre(0, 10));
    EXPECT_THAT(picked(MaskPattern::P1000), ElementsAre(3, 13));
    EXPECT_EQ(picked(MaskPattern::P1111).size(), 8U);
  });
}

TEST_F(Pick, AnOutputTypeReinterpretsTheBits) {
  const Tensor x = tensor<float>({1, 2}, {1.F, std::bit_cast<float>(41U)});
  in_scope([&] {
    EXPECT_THAT(elements<std::int32_t>(gather(x, MaskPattern::P1010, DType::i32)), ElementsAre(41));
  });
}

TEST_F(Pick, GatherByIndexTakesFromItsOwnRow) {
  const Tensor x = tensor<float>({2, 3}, {0, 1, 2, 10, 11, 12});
  const Tensor i = tensor<std::int32_t>({2, 2}, {2, 0, 1, 1});
  in_scope([&] {
    EXPECT_THAT(elements<float>(gather(x, {.dim = -1, .index = i})), ElementsAre(2, 0, 11, 11));
  });
}

TEST_F(Pick, ScatterReplacesThePatternsColumns) {
  const Tensor x = tensor<float>({1, 2}, {1, 2});
  const Tensor y = tensor<float>({1, 4}, {9, 9, 9, 9});
  in_scope([&] {
    EXPECT_THAT(elements<float>(scatter(x, MaskPattern::P1010, y)), ElementsAre(9, 1, 9, 2));
    EXPECT_THAT(elements<float>(scatter(x, MaskPattern::P0101, y)), ElementsAre(1, 9, 2, 9));
  });
}

TEST_F(Pick, UndefinedElementsMoveWithTheirPlaces) {
  const Tensor x = tensor<float>({1, 1}, {1});
  const Tensor i = tensor<std::int32_t>({1, 3}, {1, 0, 1});
  in_scope([&] {
    const Tile pair = slice(x, {1, 2}, {0, 0}, Shape{1, 1});
    EXPECT_THAT(undefined(gather(pair, MaskPattern::P1010)), ElementsAre(1));
    EXPECT_THAT(undefined(gather(pair, MaskPattern::P0101)), ElementsAre(0));
    EXPECT_THAT(undefined(gather(pair, {.index = i})), ElementsAre(1, 0, 1));
    const Tile both = scatter(x, MaskPattern::P1010, pair);
    EXPECT_THAT(undefined(both), ElementsAre(0, 0));
  });
}

TEST_F(Pick, RefusesByName) {
  const Tensor x = tensor<float>({1, 3}, {0, 1, 2});
  const Tensor y = tensor<float>({1, 2}, {0, 1});
  const Tensor i = tensor<std::int32_t>({1, 2}, {0, 3});
  const Tensor two = tensor<std::int32_t>({2, 1}, {0, 0});
  expect_refusal("expected a multiple of 2 columns for P1010, found [1, 3]",
                 [&] { gather(x, MaskPattern::P1010); });
  expect_refusal("mask_pattern: expected 1 .. 7, found 9",
                 [&] { gather(y, static_cast<MaskPattern>(9)); });
  expect_refusal("output_dtype: expected a type as wide as FP32, found INT8",
                 [&] { gather(y, MaskPattern::P0101, DType::i8); });
  expect_refusal("index: expected INT32, found FP32", [&] { gather(x, {.index = y}); });
  expect_refusal("dim: expected the last axis, found 0",
                 [&] { gather(x, {.dim = 0, .index = i}); });
  expect_refusal("index: expected columns of [1, 3], found 3", [&] { gather(x, {.index = i}); });
  expect_refusal("index: expected 1 rows", [&] { gather(x, {.index = two}); });
  expect_refusal("dst: expected [1, 4], found [1, 2]", [&] { scatter(y, MaskPattern::P0101, y); });
}

}  // namespace
}  // namespace fulgurite::tile
