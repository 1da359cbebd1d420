// The stages of the recipes against golden values of others: tests/data/recipes/stages.safetensors.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <string>
#include <vector>

#include "indexer/arithmetic.hpp"
#include "indexer/rope_table.hpp"
#include "indexer/small_floats.hpp"
#include "indexer/stages.hpp"
#include "io/safetensors.hpp"

namespace fulgurite::reference {
namespace {

class RecipeStages : public testing::Test {
 protected:
  RecipeStages()
      : file_(io::SafetensorsFile::open(FULGURITE_TEST_DATA "/recipes/stages.safetensors")) {}

  template <class T>
  std::vector<T> values(const std::string& name) {
    const io::TypedData<T> data(file_.at(name).bytes);
    return {data.span().begin(), data.span().end()};
  }
  /// Rows of 128 values, BF16 widened.
  std::vector<Row> rows(const std::string& name) {
    std::vector<float> all;
    if (file_.at(name).dtype == io::Dtype::bf16) {
      for (const Bf16 x : values<Bf16>(name)) all.push_back(to_float(x));
    } else {
      all = values<float>(name);
    }
    std::vector<Row> result(all.size() / kHeadDim);
    for (std::size_t i = 0; i < all.size(); ++i) result[i / kHeadDim][i % kHeadDim] = all[i];
    return result;
  }

 private:
  io::SafetensorsFile file_;
};

Row rounded(Row row) {
  for (float& x : row) x = round_to_bf16(x);
  return row;
}

void expect_close(const Row& found, const Row& expected, float tolerance) {
  float largest = 0;
  for (const float x : expected) largest = std::max(largest, std::fabs(x));
  for (std::size_t i = 0; i < kHeadDim; ++i) {
    EXPECT_NEAR(found[i], expected[i], tolerance * largest) << i;
  }
}

TEST_F(RecipeStages, Rope) {
  const auto positions = values<std::int32_t>("rope.pos");
  const auto cos = values<float>("rope.cos");
  const auto sin = values<float>("rope.sin");
  const auto input = rows("rope.x");
  const auto turned = rows("rope.f32");
  const auto turned_bf16 = rows("rope.bf16");
  for (std::size_t n = 0; n < positions.size(); ++n) {
    const RopeAngle angle = rope_angle(positions[n]);
    for (std::size_t i = 0; i < kRopePairs; ++i) {
      EXPECT_NEAR(angle.cos[i], cos[n * kRopePairs + i], 1e-6) << positions[n];
      EXPECT_NEAR(angle.sin[i], sin[n * kRopePairs + i], 1e-6) << positions[n];
    }
    RopeAngle given;
    std::copy_n(cos.begin() + static_cast<std::ptrdiff_t>(n * kRopePairs), kRopePairs,
                given.cos.begin());
    std::copy_n(sin.begin() + static_cast<std::ptrdiff_t>(n * kRopePairs), kRopePairs,
                given.sin.begin());
    Row row = input[n];
    rotate(row, given, Rounding::none);
    EXPECT_EQ(row, turned[n]) << positions[n];
    row = input[n];
    rotate(row, given, Rounding::bf16);
    EXPECT_EQ(row, turned_bf16[n]) << positions[n];
  }
}

TEST_F(RecipeStages, Hadamard) {
  const auto input = rows("hadamard.x");
  for (std::size_t n = 0; n < input.size(); ++n) {
    Row row = input[n];
    multiply_hadamard(row, HadamardMatrix{});
    expect_close(row, rows("hadamard.f32")[n], 1e-6F);
    EXPECT_EQ(rounded(row), rows("hadamard.bf16")[n]);
  }
}

TEST_F(RecipeStages, E2m1) {
  const auto input = rows("fp4.x");
  const auto expected = rows("fp4.value");
  for (std::size_t n = 0; n < input.size(); ++n) {
    EXPECT_EQ(quantize_e2m1(input[n]).numbers, expected[n]) << n;
  }
}

TEST_F(RecipeStages, E4m3) {
  const auto input = rows("fp8.x");
  for (const bool is_ratio : {false, true}) {
    const std::string name = is_ratio ? "fp8.f32" : "fp8.pow2";
    const auto bytes = values<std::uint8_t>(name + ".bytes");
    const auto scales = values<float>(name + ".scale");
    for (std::size_t n = 0; n < input.size(); ++n) {
      const EncodedRow encoded =
          quantize_e4m3(input[n], is_ratio ? ScaleRule::ratio : ScaleRule::power_of_two);
      EXPECT_EQ(encoded.scale, scales[n]) << name << n;
      for (std::size_t i = 0; i < kHeadDim; ++i) {
        EXPECT_EQ(encoded.numbers[i], from_e4m3(bytes[n * kHeadDim + i])) << name << n << ' ' << i;
      }
    }
  }
}

TEST(SmallFloats, RoundingToE4m3IsTheNearestNumberTiesToEven) {
  std::vector<float> numbers;
  for (int code = 0; code < 0x7f; ++code) {
    numbers.push_back(from_e4m3(static_cast<std::uint8_t>(code)));
  }
  for (std::size_t i = 0; i + 1 < numbers.size(); ++i) {
    const float low = numbers[i];
    const float high = numbers[i + 1];
    const float middle = (low + high) / 2;
    for (const float sign : {1.F, -1.F}) {
      EXPECT_EQ(round_to_e4m3(sign * low), sign * low);
      EXPECT_EQ(round_to_e4m3(sign * middle), sign * (i % 2 == 0 ? low : high));
      EXPECT_EQ(round_to_e4m3(sign * std::nextafter(middle, 0.F)), sign * low);
      EXPECT_EQ(round_to_e4m3(sign * std::nextafter(middle, 500.F)), sign * high);
      EXPECT_EQ(std::signbit(round_to_e4m3(sign * low)), sign < 0);
    }
  }
  EXPECT_EQ(round_to_e4m3(448), 448);
  EXPECT_EQ(round_to_e4m3(0x1p-149F), 0);
}

/// Blocks of 128 features: quantised, multiplied, scaled, added.
TEST(BlockScaledQuery, IsTheSumOfTheBlocksScaledProducts) {
  constexpr std::int64_t kRank = 144;  // a block of 128, and one of 16
  const ModelShape shape{.hidden = 16, .query_rank = kRank, .heads = 8, .topk = 1};
  const std::int64_t features = shape.heads * kHeadDim;
  std::vector<std::uint8_t> wq_b(static_cast<std::size_t>(features * kRank), to_e4m3(1.5F));
  std::vector<std::uint8_t> exponents(16, 127);
  exponents[2] = 128;  // head 1, the first block: 2
  exponents[3] = 125;  // and the second: 1/4
  const std::vector<Bf16> zeros(512 * 16);
  const std::vector<float> ones(1024, 1.F);
  const Model model(shape,
                    {.wq_b_e4m3 = {wq_b.data(), {features, kRank}},
                     .wq_b_block_exponent = {exponents.data(), {8, 2}},
                     .weights_proj = {zeros.data(), {8, 16}},
                     .wkv = {zeros.data(), {256, 16}},
                     .wgate = {zeros.data(), {256, 16}},
                     .ape = {ones.data(), {4, 256}},
                     .norm = {ones.data(), {128}}},
                    Recipe::deepseek());
  std::vector<Bf16> qr(kRank);
  qr[0] = to_bf16(896);     // scale 2, code 448
  qr[1] = to_bf16(2.125F);  // 1.0625 is a tie between 1 and 1.125: 1
  qr[128] = to_bf16(448);
  qr[130] = to_bf16(-0.5F);
  const std::vector<Row> q = project_query(model, qr);
  const float first = (448 * 1.5F + 1.5F) * 2;
  const float second = 448 * 1.5F - 0.75F;
  EXPECT_EQ(q[0][5], round_to_bf16(first + second));
  EXPECT_EQ(q[1][5], round_to_bf16(first * 2 + second / 4));
  qr[140] = Bf16{0x7f80};
  EXPECT_TRUE(is_nan(project_query(model, qr)[7][127]));
}

TEST_F(RecipeStages, Int8) {
  const auto input = rows("int8.x");
  const auto codes = values<std::int32_t>("int8.code");
  const auto scales = values<float>("int8.scale");
  for (std::size_t n = 0; n < input.size(); ++n) {
    const EncodedRow encoded = quantize(input[n]);
    EXPECT_EQ(encoded.scale, scales[n]);
    for (std::size_t i = 0; i < kHeadDim; ++i) {
      EXPECT_EQ(encoded.codes[i], codes[n * kHeadDim + i]);
    }
  }
}

/// Pooling, norm, rope, Hadamard and the format, one after the other.
TEST_F(RecipeStages, Window) {
  const auto kv = values<float>("pool.kv");
  const auto gate = values<float>("pool.gate");
  const auto first = values<std::int32_t>("pool.first");
  const auto norm = rows("pool.norm");
  for (const char* name : {"deepseek", "fp8", "exact"}) {
    const Recipe recipe = Recipe::named(name);
    const auto expected = rows(std::string("pool.row.") + name);
    std::size_t equal = 0;
    for (std::size_t n = 0; n < first.size(); ++n) {
      std::array<SlotValues, kWindowSlots> slots;
      for (std::size_t slot = 0; slot < kWindowSlots; ++slot) {
        const auto at = static_cast<std::ptrdiff_t>((n * kWindowSlots + slot) * kStateWidth);
        std::copy_n(kv.begin() + at, kStateWidth, slots[slot].kv.begin());
        std::copy_n(gate.begin() + at, kStateWidth, slots[slot].gate.begin());
      }
      Row row = compress_window(recipe, slots, norm[0], 1e-6F, rope_angle(first[n]), {});
      for (float& x : row) x = round(recipe.key, x);
      const EncodedRow encoded = quantize(recipe, row);
      Row found = encoded.numbers;
      for (float& x : found) x = x * encoded.scale;
      for (std::size_t i = 0; i < kHeadDim; ++i) equal += found[i] == expected[n][i] ? 1U : 0U;
      if (recipe == Recipe::exact()) expect_close(found, expected[n], 1e-5F);
    }
    const double share = static_cast<double>(equal) / (5 * kHeadDim);
    EXPECT_GE(share, recipe == Recipe::exact() ? 0 : 0.999) << name;
  }
}

TEST_F(RecipeStages, HeadSum) {
  const auto dots = values<float>("headsum.dot");
  const auto weights = values<float>("headsum.weight");
  const auto expected = values<float>("headsum.score");
  const std::size_t heads = weights.size();
  float largest = 0;
  for (const float x : expected) largest = std::max(largest, std::fabs(x));
  for (std::size_t row = 0; row < expected.size(); ++row) {
    float acc = 0;
    for (const std::int32_t head : head_order(weights)) {
      const auto h = static_cast<std::size_t>(head);
      acc = acc + std::max(dots[row * heads + h], 0.F) * weights[h];
    }
    EXPECT_NEAR(acc, expected[row], 1e-5F * largest);
  }
}

TEST_F(RecipeStages, TopK) {
  const auto scores = values<float>("topk.score");
  for (const int k : {1, 7, 32, 96, 200}) {
    const auto expected = values<std::int32_t>("topk.k" + std::to_string(k));
    for (std::size_t n = 0; n < 6; ++n) {
      const auto found = select(std::span(scores).subspan(n * 96, 96), k);
      for (std::size_t i = 0; i < static_cast<std::size_t>(k); ++i) {
        const std::int32_t row = i < found.size() ? found[i] : -1;
        EXPECT_EQ(row, expected[n * static_cast<std::size_t>(k) + i]) << k << ' ' << n << ' ' << i;
      }
    }
  }
}

}  // namespace
}  // namespace fulgurite::reference
