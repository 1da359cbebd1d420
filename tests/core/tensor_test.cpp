#include "fulgurite/tensor.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "fulgurite/error.hpp"

namespace fulgurite {
namespace {

TEST(TensorView, IndexesRowsAndColumnsAndTheirTransposition) {
  std::vector<int> data{0, 1, 2, 3, 4, 5};
  const TensorView<const int, 2> view(data.data(), {2, 3});
  EXPECT_EQ(view(1, 2), 5);
  EXPECT_EQ(view.transposed()(2, 1), 5);
  EXPECT_EQ(view[1](0), 3);
  EXPECT_TRUE(view.contiguous());
  EXPECT_FALSE(view.transposed().contiguous());
  EXPECT_EQ(view.flat().size(), 6U);
}

TEST(TensorView, RefusesShapesThatAreNegativeOrOverflow) {
  using View = TensorView<const float, 2>;
  EXPECT_THROW(View(nullptr, {-1, 3}), Error);
  EXPECT_THROW(View(nullptr, {std::numeric_limits<std::int64_t>::max(), 2}), Error);
  EXPECT_THROW(View(nullptr, {std::numeric_limits<std::int64_t>::max(), 1}), Error);
  constexpr std::int64_t kBig = std::int64_t{1} << 62;
  EXPECT_THROW((TensorView<const float, 3>(nullptr, {0, kBig, kBig})), Error);
  EXPECT_EQ((TensorView<const float, 3>(nullptr, {0, 4, 1 << 20}).size()), 0);
}

TEST(TensorView, AnUnexpectedShapeIsNamedWithBothShapes) {
  const std::array<std::int64_t, 2> expected{4, 128};
  const std::array<std::int64_t, 2> found{4, 64};
  try {
    detail::expect_shape("ape", expected, found);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "ape: expected shape [4,128], found [4,64]");
  }
}

}  // namespace
}  // namespace fulgurite
