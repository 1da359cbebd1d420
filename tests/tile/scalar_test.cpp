#include "fixture.hpp"

namespace fulgurite::tile {
namespace {

using testing::ElementsAre;

class Scalars : public TileTest {};

TEST_F(Scalars, ReadTakesOneElementInsideAndOutsideOfScopes) {
  const Tensor slots = tensor<std::int64_t>({2, 2}, {1, 2, 3, std::int64_t{1} << 40});
  const Index outside = read(slots, {1, 1});
  EXPECT_EQ(outside, Index{1} << 40);
  in_scope([&] {
    const Index inside = read(slots, {0, 1});
    EXPECT_EQ(inside, 2);
    const Tile tile = pl.full({1, 2}, DType::f32, 0.25);
    EXPECT_EQ(read(tile, {0, 1}).number(), 0.25);
  });
  const Op& first = pl.trace().ops[0];
  EXPECT_EQ(first.code, OpCode::read);
  EXPECT_EQ(pl.trace()[first.access].start, (Shape{1, 1}));
  EXPECT_FALSE(pl.trace()[first.access].is_write);
}

TEST_F(Scalars, ANumberKnowsTheReadThatItCameFrom) {
  const Tensor table = tensor<std::int32_t>({1, 1}, {5});
  const Tensor out = zeros<std::int32_t>({1, 1});
  in_scope([&] {
    const Scalar offset = read(table, {0, 0});
    const Tile sum = add(table, offset);
    EXPECT_THAT(elements<std::int32_t>(sum), ElementsAre(10));
    EXPECT_EQ(pl.trace()[pl.trace()[sum.id()].producer].settings.number_from, offset.origin());
    write(out, {0, 0}, offset);
  });
  EXPECT_THAT(memory<std::int32_t>(1), ElementsAre(5));
}

TEST_F(Scalars, WriteGivesATileANewValue) {
  in_scope([&] {
    Tile x = pl.full({1, 2}, DType::f32, 1);
    const Tile old = x;
    write(x, {0, 1}, 3.5);
    EXPECT_THAT(elements<float>(x), ElementsAre(1, 3.5F));
    EXPECT_THAT(elements<float>(old), ElementsAre(1, 1));
  });
}

TEST_F(Scalars, DivisionTruncatesAndANegativeDividendIsAFinding) {
  EXPECT_EQ(pl.floor_div(7, 2), 3);
  EXPECT_EQ(pl.mod(7, 2), 1);
  EXPECT_EQ(pl.min(3, -4), -4);
  EXPECT_TRUE(pl.trace().findings.empty());
  EXPECT_EQ(pl.floor_div(-7, 2), -3);
  EXPECT_EQ(pl.mod(-7, 2), -1);
  ASSERT_EQ(pl.trace().findings.size(), 2U);
  EXPECT_EQ(pl.trace().findings[0].kind, FindingKind::negative_dividend);
  EXPECT_THAT(pl.trace().findings[0].message, testing::HasSubstr("the dividend is -7"));
  expect_error("b: expected a divisor other than 0", [&] { pl.mod(1, 0); });
}

TEST_F(Scalars, CastChecksTheRange) {
  EXPECT_EQ(Index{pl.cast(-5, DType::i32)}, -5);
  EXPECT_EQ(pl.cast(1, DType::boolean).dtype(), DType::boolean);
  const Scalar same = cast(pl.cast(5, DType::i32), DType::i32);
  EXPECT_EQ(Index{same}, 5);
  expect_error("value: expected one of UINT32, found -5", [&] { pl.cast(-5, DType::u32); });
  expect_error("type: expected an integer type, found FP32", [&] { pl.cast(5, DType::f32); });
}

TEST_F(Scalars, AFloatIsNoIndex) {
  in_scope([&] {
    const Scalar half = read(pl.full({1, 1}, DType::f32, 0.5), {0, 0});
    expect_error("scalar: expected an integer, found FP32", [&] { return Index{half}; });
  });
}

TEST_F(Scalars, RefusesByName) {
  const Tensor x = tensor<std::int32_t>({2, 2}, {1, 2, 3, 4});
  expect_error("read outside scopes at scalar_test.cpp:", [&] { read(x, {0}); });
  expect_error("index: expected one for each axis of [2, 2], found [0]", [&] { read(x, {0}); });
  expect_error("index: expected one within [2, 2], found [0, 2]", [&] { read(x, {0, 2}); });
  expect_error("expected to stand inside a scope", [&] { write(x, {0, 0}, 1); });
  expect_refusal("number: expected one of INT32, found 0.5", [&] { write(x, {0, 0}, 0.5); });
}

}  // namespace
}  // namespace fulgurite::tile
