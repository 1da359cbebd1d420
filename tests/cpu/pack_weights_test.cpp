#include "cpu/pack_weights.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "fulgurite/error.hpp"

namespace fulgurite::cpu {
namespace {

TEST(PackQueryWeights, PutsFourCodesOfSixteenColumnsInALineAndBiasesThem) {
  constexpr std::int64_t kColumns = 48;
  constexpr std::int64_t kDepth = 32;
  std::vector<std::int8_t> weights(kColumns * kDepth);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    weights[i] = static_cast<std::int8_t>(i * 37 % 256);
  }
  const TensorView<const std::int8_t, 2> view(weights.data(), {kColumns, kDepth});
  std::vector<std::uint8_t> packed(weights.size());
  pack_query_weights(view, 0, 32, packed.data());
  pack_query_weights(view, 32, kColumns, packed.data());
  for (std::int64_t column = 0; column < kColumns; ++column) {
    for (std::int64_t k = 0; k < kDepth; ++k) {
      const std::int64_t place =
          ((column / 16 * (kDepth / 4) + k / 4) * 16 + column % 16) * 4 + k % 4;
      EXPECT_EQ(packed[static_cast<std::size_t>(place)], view(column, k) + 128);
    }
  }
}

TEST(PackQueryWeights, TakesTheTransposedMatrixAsItStands) {
  std::vector<std::int8_t> in_by_out(32 * 16);
  std::iota(in_by_out.begin(), in_by_out.end(), std::int8_t{0});
  std::vector<std::int8_t> out_by_in(in_by_out.size());
  for (std::size_t k = 0; k < 32; ++k) {
    for (std::size_t n = 0; n < 16; ++n) out_by_in[n * 32 + k] = in_by_out[k * 16 + n];
  }
  std::vector<std::uint8_t> a(in_by_out.size());
  std::vector<std::uint8_t> b(in_by_out.size());
  pack_query_weights({out_by_in.data(), {16, 32}}, 0, 16, a.data());
  pack_query_weights(TensorView<const std::int8_t, 2>(in_by_out.data(), {32, 16}).transposed(), 0,
                     16, b.data());
  EXPECT_EQ(a, b);
}

class PackHiddenWeights : public testing::Test {
 protected:
  static constexpr std::int64_t kHidden = 16;

  /// wkv [20, 16], wgate [20, 16], weights_proj [4, 16]: 44 columns, 4 of padding.
  PackHiddenWeights() {
    for (std::size_t i = 0; i < values.size(); ++i) values[i].bits = static_cast<std::uint16_t>(i);
  }
  void pack() {
    const auto view = [&](std::int64_t first, std::int64_t rows) {
      return TensorView<const Bf16, 2>(values.data() + first * kHidden, {rows, kHidden});
    };
    pack_hidden_weights(view(0, 20), view(20, 20), view(40, 4), 0, 16, packed.data(),
                        ranges.data());
    pack_hidden_weights(view(0, 20), view(20, 20), view(40, 4), 16, 48, packed.data(),
                        ranges.data());
  }
  std::vector<Bf16> values = std::vector<Bf16>(44 * kHidden);
  std::vector<std::uint16_t> packed = std::vector<std::uint16_t>(48 * kHidden, 0xffff);
  std::vector<ExponentRange> ranges = std::vector<ExponentRange>(3);
};

TEST_F(PackHiddenWeights, PutsPairsOfSixteenColumnsInALineAndZerosBehindTheLastHead) {
  pack();
  for (std::int64_t column = 0; column < 48; ++column) {
    for (std::int64_t k = 0; k < kHidden; ++k) {
      const std::int64_t place =
          ((column / 16 * (kHidden / 2) + k / 2) * 16 + column % 16) * 2 + k % 2;
      const std::int64_t value = column * kHidden + k;  // bits that count up; denormal below 128
      const std::int64_t wanted = column >= 44 || value < 128 ? 0 : value;
      EXPECT_EQ(packed[static_cast<std::size_t>(place)], wanted) << column << ' ' << k;
    }
  }
}

TEST_F(PackHiddenWeights, KeepsTheSignOfADenormal) {
  values[1].bits = 0x8001;
  pack();
  EXPECT_EQ(packed[1], 0x8000);
}

TEST_F(PackHiddenWeights, FindsTheExponentsOfEachBlockOfColumns) {
  for (Bf16& value : values) value.bits = 0x3f80;  // 1
  values[3].bits = 0xc000;                         // -2
  values[40 * kHidden + 5].bits = 0x0080;          // 2^-126
  values[16 * kHidden].bits = 0x0001;              // denormal: zero
  pack();
  EXPECT_EQ(ranges[0].smallest, 0);
  EXPECT_EQ(ranges[0].largest, 1);
  EXPECT_EQ(ranges[1].smallest, 0);
  EXPECT_EQ(ranges[1].largest, 0);
  EXPECT_EQ(ranges[2].smallest, -126);
  EXPECT_EQ(ranges[2].largest, 0);
  for (Bf16& value : values) value.bits = 0x8000;  // -0
  pack();
  EXPECT_GT(ranges[1].smallest, ranges[1].largest);
}

TEST(PackedBytes, RefuseWhatOverflows) {
  EXPECT_EQ(packed_qr_bytes(5, 1024), 8 * 1024 * 2);
  EXPECT_EQ(packed_x_bytes(9, 4096), 16 * (4096 + 16) * 4);
  EXPECT_THROW(packed_x_bytes(std::int64_t{1} << 50, std::int64_t{1} << 20), Error);
  EXPECT_THROW(packed_qr_bytes(std::int64_t{1} << 50, std::int64_t{1} << 20), Error);
}

}  // namespace
}  // namespace fulgurite::cpu
