#include <algorithm>
#include <numeric>
#include <random>

#include "fixture.hpp"

namespace fulgurite::tile {
namespace {

class Sort : public TileTest {
 protected:
  /// Scores with many ties, both zeros, infinities and NaN.
  static std::vector<float> scores(std::mt19937& random, std::size_t count) {
    std::vector<float> values;
    for (std::size_t i = 0; i < count; ++i) {
      const auto draw = random() % 20;
      values.push_back(draw == 0   ? kNan
                       : draw == 1 ? -kInf
                       : draw == 2 ? -0.F
                                   : static_cast<float>(random() % 50) - 10.F);
    }
    return values;
  }
  /// Rows in the order of the definition.
  static std::vector<std::uint32_t> ranking(const std::vector<float>& values) {
    std::vector<std::uint32_t> rows(values.size());
    std::iota(rows.begin(), rows.end(), 0U);
    std::stable_sort(rows.begin(), rows.end(), [&](std::uint32_t a, std::uint32_t b) {
      const float x = values[a];
      const float y = values[b];
      return is_nan(y) ? !is_nan(x) : x > y;
    });
    return rows;
  }
  static std::vector<std::uint32_t> indices(const Value& pairs) {
    std::vector<std::uint32_t> result;
    const std::vector<std::uint32_t> words = float_bits(pairs);
    for (std::size_t i = 1; i < words.size(); i += 2) result.push_back(words[i]);
    return result;
  }
  Tile numbers(Index count) { return pl.arange(0, {1, count}, DType::u32); }
};

TEST_F(Sort, BlocksAndMergesGiveTheRankingOfTheDefinition) {
  std::mt19937 random(1);
  for (int round = 0; round < 20; ++round) {
    const std::vector<float> values = scores(random, 2048);
    const Tensor x = tensor({1, 2048}, values);
    in_scope([&] {
      const Tile blocks = sort32(x, numbers(2048));
      EXPECT_EQ(blocks.shape(), (Shape{1, 4096}));
      const Tile sorted = mrgsort(mrgsort(mrgsort(blocks, 64), 256), 1024);
      EXPECT_EQ(indices(sorted), ranking(values));
    });
  }
}

TEST_F(Sort, TwoListsMergeWithTiesToTheFirst) {
  std::mt19937 random(2);
  const std::vector<float> values = scores(random, 64);
  const Tensor x = tensor({1, 64}, values);
  in_scope([&] {
    const Tile pairs = sort32(x, numbers(64));
    const Tile left = pairs(all, {0, 64});
    const Tile right = pairs(all, {64, 64});
    EXPECT_EQ(indices(mrgsort({left, right})), ranking(values));
  });
}

TEST_F(Sort, BlocksAreSortedOnTheirOwnAndValuesKeepTheirBits) {
  std::vector<float> values(64, 1.F);
  values[3] = -0.F;
  values[4] = std::bit_cast<float>(0xffc00001U);
  values[40] = 2.F;
  const Tensor x = tensor({2, 32}, values);
  const Tensor idx = tensor({2, 32}, std::vector<std::uint32_t>(64, 0x7fc00123U));
  in_scope([&] {
    const std::vector<std::uint32_t> words = float_bits(sort32(x, idx));
    EXPECT_EQ(words[60], bits(-0.F));
    EXPECT_EQ(words[62], 0xffc00001U) << "NaN is last, and moved as it is";
    EXPECT_EQ(words[63], 0x7fc00123U);
    EXPECT_EQ(words[64], bits(2.F));
  });
}

TEST_F(Sort, TiesGoToTheSmallerIndexNotToTheEarlierColumn) {
  std::vector<std::uint32_t> descending(32);
  std::iota(descending.rbegin(), descending.rend(), 0U);
  const Tensor x = tensor({1, 32}, std::vector<float>(32, 1.F));
  const Tensor idx = tensor({1, 32}, descending);
  in_scope([&] {
    std::vector<std::uint32_t> ascending(32);
    std::iota(ascending.begin(), ascending.end(), 0U);
    EXPECT_EQ(indices(sort32(x, idx)), ascending);
  });
}

TEST_F(Sort, InvalidElementsComeLastAndAreUndefined) {
  std::vector<float> values(32);
  std::iota(values.begin(), values.end(), 0.F);
  const Tensor x = tensor({1, 32}, values);
  in_scope([&] {
    const Tile sorted = sort32(set_validshape(x, 1, 30), numbers(32));
    EXPECT_EQ(indices(sorted)[0], 29U);
    const std::vector<int> flags = undefined(sorted);
    EXPECT_EQ(std::count(flags.begin(), flags.begin() + 60, 1), 0);
    EXPECT_EQ(std::count(flags.begin() + 60, flags.end(), 1), 4);
  });
}

TEST_F(Sort, RefusesByName) {
  const Tensor x = tensor({1, 48}, std::vector<float>(48));
  const Tensor y = tensor({1, 512}, std::vector<float>(512));
  const Tensor two = tensor({2, 256}, std::vector<float>(512));
  expect_refusal("src: expected a multiple of 32 columns, found [1, 48]",
                 [&] { sort32(x, numbers(48)); });
  expect_refusal("idx: expected UINT32, found FP32", [&] { sort32(y, y); });
  expect_refusal("idx: expected [1, 512], found [1, 32]", [&] { sort32(y, numbers(32)); });
  expect_refusal("block_len: expected a positive multiple of 64, found 32",
                 [&] { mrgsort(y, 32); });
  expect_refusal("expected a multiple of four runs of 256 columns", [&] { mrgsort(y, 256); });
  expect_refusal("expected one row, found [2, 256]", [&] { mrgsort(two, 64); });
  expect_refusal("lists: expected two to four, found 1", [&] { mrgsort({Value(y)}); });
  expect_refusal("list: expected one row", [&] { mrgsort({Value(y), Value(two)}); });
}

}  // namespace
}  // namespace fulgurite::tile
