#include "fixture.hpp"

namespace fulgurite::tile {
namespace {

using testing::ElementsAre;

class Windows : public TileTest {};

TEST_F(Windows, ASliceInsideAScopeIsACopyMadeThere) {
  const Tensor x = tensor<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  in_scope([&] {
    const Tile before = x(all, {1, 2});
    x(all, {1, 2}) = pl.full({2, 2}, DType::f32, 0);
    EXPECT_THAT(elements<float>(before), ElementsAre(2, 3, 5, 6));
    EXPECT_THAT(elements<float>(Tile(x({0, 2}))), ElementsAre(1, 0, 0, 4, 0, 0));
  });
}

TEST_F(Windows, AReshapeOrSliceOutsideAScopeIsAViewOfItsBase) {
  const Tensor x = tensor<float>({2, 4}, {1, 2, 3, 4, 5, 6, 7, 8});
  const Tensor flat = reshape(x, {4, 2});
  const Tensor right = x(all, {2, 2});
  const Tensor low = right(1);
  EXPECT_EQ(low.shape(), (Shape{2}));
  in_scope([&] {
    flat({1, 1}, all) = pl.full({1, 2}, DType::f32, -1);
    EXPECT_THAT(elements<float>(Tile(right(all, all))), ElementsAre(-1, -1, 7, 8));
    low({1, 1}) = pl.full({1}, DType::f32, 9);
  });
  EXPECT_THAT(memory<float>(0), ElementsAre(1, 2, -1, -1, 5, 6, 7, 9));
  EXPECT_EQ(pl.trace()[low.view()].offset, 6);
  EXPECT_EQ(low.buffer(), x.buffer());
}

TEST_F(Windows, AnIndexDropsItsAxisAndMissingAxesAreWhole) {
  const Tensor x = tensor<float>({2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
  in_scope([&] {
    const Tile plane = x(all, 1, all);
    EXPECT_EQ(plane.shape(), (Shape{2, 2}));
    EXPECT_THAT(elements<float>(plane), ElementsAre(3, 4, 7, 8));
    const Tile thick = x(all, {1, 1}, {0, 1});
    EXPECT_EQ(thick.shape(), (Shape{2, 1, 1}));
    EXPECT_THAT(elements<float>(thick), ElementsAre(3, 7));
    EXPECT_THAT(elements<float>(Tile(x(1))), ElementsAre(5, 6, 7, 8));
    EXPECT_THAT(elements<float>(Tile(x(1, from(1)))), ElementsAre(7, 8));
    x(all, 0, {1, 1}) = pl.full({2, 1}, DType::f32, 0);
  });
  EXPECT_THAT(memory<float>(0), ElementsAre(1, 0, 3, 4, 5, 0, 7, 8));
}

TEST_F(Windows, ANameThatHadTheOldValueOfATileKeepsIt) {
  in_scope([&] {
    Tile x = pl.full({2, 2}, DType::f32, 1);
    const Tile old = x;
    x({0, 1}, all) = pl.full({1, 2}, DType::f32, 7);
    EXPECT_THAT(elements<float>(x), ElementsAre(7, 7, 1, 1));
    EXPECT_THAT(elements<float>(old), ElementsAre(1, 1, 1, 1));
    EXPECT_EQ(pl.trace()[x.id()].replaces, old.id());
  });
}

TEST_F(Windows, AssembleIsTheSameWriteAsAValue) {
  const Tensor x = tensor<float>({1, 3}, {1, 2, 3});
  in_scope([&] {
    const Tensor same = assemble(x, pl.full({1, 1}, DType::f32, 9), {0, 2});
    EXPECT_EQ(same.view(), x.view());
    const Tile tile = x({0, 1}, all);
    const Tile other = assemble(tile, pl.full({1, 1}, DType::f32, 8), {0, 0});
    EXPECT_THAT(elements<float>(other), ElementsAre(8, 2, 9));
    EXPECT_THAT(elements<float>(tile), ElementsAre(1, 2, 9));
  });
}

TEST_F(Windows, OneTensorIsCopiedToAnother) {
  const Tensor x = tensor<float>({1, 2}, {1, 2});
  const Tensor y = zeros<float>({1, 3});
  in_scope([&] {
    y(all, {1, 2}) = x(all, all);
    y(all, {0, 1}) = x(all, {0, 1});
  });
  EXPECT_THAT(memory<float>(1), ElementsAre(1, 1, 2));
}

TEST_F(Windows, AWriteStoresTheValidPartOnly) {
  const Tensor y = tensor<float>({2, 3}, {0, 0, 0, 0, 0, 0}, Mark::out);
  in_scope([&] {
    y(all, {1, 2}) = set_validshape(pl.full({2, 2}, DType::f32, 5), 1, 2);
    const Tile empty = set_validshape(pl.full({2, 3}, DType::f32, 6), 0, 3);
    y(all, all) = empty;
  });
  EXPECT_THAT(memory<float>(0), ElementsAre(0, 5, 5, 0, 0, 0));
}

TEST_F(Windows, SliceMayReachPastItsSource) {
  const Tensor x = tensor<float>({2, 2}, {1, 2, 3, 4});
  in_scope([&] {
    const Tile padded = slice(x, {4, 2}, {1, 0}, Shape{1, 2});
    EXPECT_EQ(padded.shape(), (Shape{4, 2}));
    EXPECT_EQ(padded.valid_shape(), (Shape{1, 2}));
    EXPECT_EQ(elements<float>(padded)[1], 4);
    EXPECT_THAT(undefined(padded), ElementsAre(0, 0, 1, 1, 1, 1, 1, 1));
    const Tile again = slice(padded, {2, 4}, {0, 1}, Shape{1, 1});
    EXPECT_EQ(elements<float>(again)[0], 4);
    EXPECT_THAT(undefined(again), ElementsAre(0, 1, 1, 1, 1, 1, 1, 1));
    const Tile plain = slice(x, {1, 2}, {1, 0});
    EXPECT_THAT(elements<float>(plain), ElementsAre(3, 4));
  });
}

TEST_F(Windows, ATileReshapesInRowMajorOrder) {
  const Tensor x = tensor<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  in_scope([&] {
    EXPECT_THAT(elements<float>(reshape(x, {3, 2})), ElementsAre(1, 2, 3, 4, 5, 6));
    const Tile column = set_validshape(reshape(x, {6, 1}), 4, 1);
    EXPECT_EQ(reshape(column, {1, 6}).valid_shape(), (Shape{1, 4}));
  });
  expect_refusal(
      "is valid, which has no shape in [3, 2]", [&] { reshape(set_validshape(x, 1, 3), {3, 2}); },
      ErrorKind::unsupported);
}

TEST_F(Windows, RefusesByName) {
  const Tensor x = tensor<float>({2, 3}, {1, 2, 3, 4, 5, 6}, Mark::unmarked, "weights");
  const Tensor fixed = tensor<float>({1, 1}, {1}, Mark::input, "fixed");
  expect_refusal("load in scope test at window_test.cpp:", [&] { Tile(x({1, 2}, all)); });
  expect_refusal("axis 0 has extent 2, found 1 +2", [&] { Tile(x({1, 2}, all)); });
  expect_refusal("axis 1 has extent 3, found -1 +2", [&] { Tile(x(all, {-1, 2})); });
  expect_refusal("axis 0 has extent 2, found 2 +1", [&] { Tile(x(2)); });
  expect_refusal("expected at most 2 indices for [2, 3], found 3", [&] { Tile(x(0, 0, all)); });
  expect_refusal("one element is taken by read", [&] { Tile(x(0, 0)); });
  expect_refusal("stored by write", [&] { x(0, 0) = pl.full({1, 1}, DType::f32, 0); });
  expect_refusal("tile: expected [1, 3], found [1, 2]",
                 [&] { x({0, 1}, all) = pl.full({1, 2}, DType::f32, 0); });
  expect_refusal("tile: expected FP32, found INT32",
                 [&] { x({0, 1}, all) = pl.full({1, 3}, DType::i32, 0); });
  expect_refusal("fixed is an input", [&] { fixed(all) = pl.full({1, 1}, DType::f32, 0); });
  expect_refusal("expected step 1, found 2", [&] {
    Slice stepped(0, 2);
    stepped.step = 2;
    Tile(x.window({stepped}, std::source_location::current()));
  });
  expect_refusal("differ in their number of elements", [&] { reshape(x, {2, 2}); });
  expect_refusal("a const handle", [&] {
    const Tile tile = pl.full({1, 1}, DType::f32, 0);
    tile(0) = pl.full({1}, DType::f32, 0);
  });
  expect_refusal("reaches past [2, 3]", [&] { slice(x, {4, 3}, {1, 0}, Shape{2, 3}); });
  expect_refusal("does not lie in [4, 3]", [&] { slice(x, {4, 3}, {0, 0}, Shape{5, 3}); });
  expect_error(
      "cannot be reshaped", [&] { reshape(Tensor(x(all, {0, 2})), {4}); }, ErrorKind::unsupported);
}

TEST_F(Windows, RefusesAnEmptyHandle) {
  const Tensor x = tensor<float>({1, 1}, {1});
  expect_refusal("y: expected a value, found an empty handle", [&] { add(x, Tile()); });
  expect_refusal("x: expected a value, found an empty handle", [&] { neg(Tile()); });
  expect_refusal("tile: expected a value", [&] { x(all, all) = Tile(); });
}

}  // namespace
}  // namespace fulgurite::tile
