#include "fixture.hpp"

namespace fulgurite::tile {
namespace {

using testing::ElementsAre;

class ValidRegion : public TileTest {};

TEST_F(ValidRegion, BelongsToTheHandleAndNotToTheData) {
  const Tensor x = tensor<float>({1, 4}, {1, 2, 3, 4});
  in_scope([&] {
    const Tile whole = x(all, all);
    const Tile part = set_validshape(whole, 1, 3);
    EXPECT_EQ(whole.valid_shape(), (Shape{1, 4}));
    EXPECT_EQ(part.valid_shape(), (Shape{1, 3}));
    EXPECT_EQ(pl.trace()[part.id()].view_of, whole.id());
    EXPECT_EQ(Tile(part(all, {2, 2})).valid_shape(), (Shape{1, 1}));
  });
}

TEST_F(ValidRegion, FillpadWritesOutsideAndMakesAllValid) {
  const Tensor x = tensor<float>({2, 2}, {1, 2, 3, 4});
  const Tensor i = tensor<std::int32_t>({1, 2}, {1, 2});
  in_scope([&] {
    const Tile part = set_validshape(x, 1, 1);
    const Tile filled = fillpad(part, PadValue::min);
    EXPECT_THAT(elements<float>(filled), ElementsAre(1, -kInf, -kInf, -kInf));
    EXPECT_EQ(filled.valid_shape(), filled.shape());
    EXPECT_THAT(elements<float>(fillpad(part)), ElementsAre(1, 0, 0, 0));
    EXPECT_THAT(elements<float>(fillpad(part, PadValue::max)), ElementsAre(1, kInf, kInf, kInf));
    EXPECT_THAT(elements<std::int32_t>(fillpad(set_validshape(i, 1, 1), PadValue::min)),
                ElementsAre(1, std::numeric_limits<std::int32_t>::min()));
  });
}

TEST_F(ValidRegion, FillpadDefinesWhatItFills) {
  const Tensor x = tensor<float>({1, 1}, {1});
  in_scope([&] {
    const Tile padded = slice(x, {1, 3}, {0, 0}, Shape{1, 1});
    EXPECT_THAT(undefined(fillpad(padded)), ElementsAre(0, 0, 0));
    const Value nothing = pl.create_tensor("nothing", {1, 2}, DType::f32);
    EXPECT_THAT(undefined(fillpad(set_validshape(nothing, 1, 1))), ElementsAre(1, 0));
  });
}

TEST_F(ValidRegion, RefusesByName) {
  const Tensor x = tensor<float>({2, 2}, {1, 2, 3, 4});
  const Tensor line = tensor<float>({2}, {1, 2});
  expect_refusal("expected one within [2, 2], found [3, 1]", [&] { set_validshape(x, 3, 1); });
  expect_refusal("expected one within [2, 2], found [1, -1]", [&] { set_validshape(x, 1, -1); });
  expect_refusal("x: expected [rows, cols], found [2]", [&] { set_validshape(line, 1, 1); });
  expect_refusal("pad_value: expected zero, max or min, found null",
                 [&] { fillpad(x, PadValue::null); });
}

}  // namespace
}  // namespace fulgurite::tile
