#include "indexer/stages.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "indexer/arithmetic.hpp"
#include "indexer/rope_table.hpp"
#include "support/random.hpp"

namespace fulgurite::reference {
namespace {

using testing::Random;
using testing::Values;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

Row random_row(Random& random, Values values) {
  Row row;
  for (float& x : row) x = round_to_bf16(random.value(values));
  return row;
}

TEST(RopeTable, HasTheValuesOfThePublishedTable) {
  struct Check {
    std::int64_t position;
    std::size_t pair;
    double cos, sin;
  };
  for (const Check& check : {Check{1, 0, 0.5403023, 0.8414710},
                             {252, 15, 0.6088742, 0.7932668},
                             {4095, 20, 0.3472831, 0.9377604},
                             {65536, 25, 0.9386575, 0.3448508},
                             {262144, 31, 0.9889331, 0.1483619},
                             {1000000, 1, 0.6446286, -0.7644959},
                             {1048575, 15, -0.1868154, -0.9823951},
                             {1048575, 31, 0.8277862, 0.5610437}}) {
    const RopeAngle angle = rope_angle(check.position);
    EXPECT_NEAR(static_cast<double>(angle.cos[check.pair]), check.cos, 6e-8) << check.position;
    EXPECT_NEAR(static_cast<double>(angle.sin[check.pair]), check.sin, 6e-8) << check.position;
  }
}

TEST(Dot, TakesTheOddElementOfAPairFirst) {
  // 1 + 2^-24 rounds to 1, so the small one survives only if it meets the accumulator first.
  const std::vector<Bf16> a{to_bf16(1.F), to_bf16(0x1p-24F), to_bf16(0.F), to_bf16(0x1p-24F)};
  const std::vector<Bf16> one(4, to_bf16(1.F));
  EXPECT_EQ(dot(a, one), 1.F);
  const std::vector<Bf16> b{to_bf16(1.F), to_bf16(0x1.8p-24F)};
  EXPECT_EQ(dot(b, std::vector<Bf16>(2, to_bf16(1.F))), 1.F + 0x1p-23F);
}

TEST(Dot, RoundsOncePerProductAlsoWhereTheProductAloneWouldUnderflow) {
  const std::vector<Bf16> a{to_bf16(0x1p-70F), to_bf16(0x1p-63F)};
  const std::vector<Bf16> b{to_bf16(0x1p-70F), to_bf16(0x1p-63F)};
  EXPECT_EQ(dot(a, b), 0x1p-126F + 0x1p-140F);
}

TEST(Dot, DenormalsCountAsZeroOfTheirSign) {
  const std::vector<Bf16> tiny{Bf16{0x0001}, Bf16{0x807f}};
  const std::vector<Bf16> huge(2, to_bf16(0x1p100F));
  EXPECT_EQ(std::bit_cast<std::uint32_t>(dot(tiny, huge)), 0U);
}

TEST(Dot, PadsAnOddLengthWithAZero) {
  const std::vector<Bf16> three{to_bf16(1.F), to_bf16(2.F), to_bf16(3.F)};
  EXPECT_EQ(dot(three, three), 14.F);
}

TEST(Hadamard, ButterfliesEqualTheMatrixWhereSumsAreExact) {
  Random random(1);
  for (int round = 0; round < 20; ++round) {
    Row row = random_row(random, Values::grid);
    const Row before = row;
    multiply_hadamard(row, HadamardMatrix{});
    for (std::size_t i = 0; i < kHeadDim; ++i) {
      float sum = 0;
      for (std::size_t k = 0; k < kHeadDim; ++k) {
        sum += std::popcount(i & k) % 2 != 0 ? -before[k] : before[k];
      }
      EXPECT_EQ(row[i], sum * 0x1.6a09e6p-4F);
    }
  }
}

std::vector<Bf16> sylvester(float factor) {
  std::vector<Bf16> matrix;
  for (std::size_t i = 0; i < kHeadDim; ++i) {
    for (std::size_t k = 0; k < kHeadDim; ++k) {
      matrix.push_back(to_bf16(std::popcount(i & k) % 2 != 0 ? -factor : factor));
    }
  }
  return matrix;
}

TEST(Hadamard, AMultipleOfSylvestersMatrixIsRecognised) {
  for (const float factor : {0.0884F, -0.5F, 0.F}) {
    const std::vector<Bf16> matrix = sylvester(factor);
    const auto found = HadamardMatrix::from({matrix.data(), {kHeadDim, kHeadDim}});
    EXPECT_TRUE(found.butterflies);
    EXPECT_EQ(found.factor, round_to_bf16(factor));
  }
}

TEST(Hadamard, OneOtherElementMakesItAGeneralMatrix) {
  std::vector<Bf16> matrix = sylvester(0.125F);
  matrix[127 * 128 + 3] = to_bf16(0.126F);
  const auto found = HadamardMatrix::from({matrix.data(), {kHeadDim, kHeadDim}});
  EXPECT_FALSE(found.butterflies);
  EXPECT_EQ(found.columns[3 * 128 + 127], to_bf16(0.126F));
}

TEST(Quantize, TheLargestValueGetsTheLargestCode) {
  Random random(2);
  for (int round = 0; round < 200; ++round) {
    const Row row = random_row(random, Values::normal);
    const EncodedRow encoded = quantize(row);
    const auto largest = std::max_element(
        row.begin(), row.end(), [](float a, float b) { return std::fabs(a) < std::fabs(b); });
    EXPECT_EQ(std::abs(encoded.codes[static_cast<std::size_t>(largest - row.begin())]), 127);
    for (std::size_t i = 0; i < kHeadDim; ++i) {
      const double value =
          static_cast<double>(encoded.codes[i]) * static_cast<double>(encoded.scale);
      EXPECT_NEAR(value, static_cast<double>(row[i]), 0.501 * static_cast<double>(encoded.scale));
    }
  }
}

TEST(Quantize, ARowOfZerosHasTheSmallestScale) {
  const EncodedRow encoded = quantize(Row{});
  EXPECT_EQ(encoded.codes, EncodedRow{}.codes);
  EXPECT_EQ(encoded.scale, 1.F / (127.F / 1e-4F));
}

TEST(Quantize, ARowWithNanOrInfinityHasScaleNanAndNoCodes) {
  for (const float bad : {kInfinity, -kInfinity, std::numeric_limits<float>::quiet_NaN()}) {
    Row row{};
    row[5] = 3;
    row[77] = bad;
    const EncodedRow encoded = quantize(row);
    EXPECT_EQ(encoded.codes, EncodedRow{}.codes);
    EXPECT_EQ(std::bit_cast<std::uint32_t>(encoded.scale), kNanBits);
  }
}

TEST(Pool, IsASoftmaxPerFeatureOverTheHalvesOfTheSlots) {
  Random random(3);
  std::array<SlotValues, kWindowSlots> slots;
  for (SlotValues& slot : slots) {
    for (float& x : slot.kv) x = random.value(Values::normal);
    for (float& x : slot.gate) x = random.value(Values::normal);
  }
  const Row pooled = pool(slots);
  for (std::size_t i = 0; i < kHeadDim; ++i) {
    double sum = 0;
    double mean = 0;
    for (std::size_t slot = 0; slot < kWindowSlots; ++slot) {
      const std::size_t column = slot < 4 ? i : 128 + i;
      const double e = std::exp(static_cast<double>(slots[slot].gate[column]));
      sum += e;
      mean += e * static_cast<double>(slots[slot].kv[column]);
    }
    EXPECT_NEAR(static_cast<double>(pooled[i]), mean / sum, 1e-6);
  }
}

TEST(Pool, ASlotWithAGateOfMinusInfinityHasNoWeight) {
  std::array<SlotValues, kWindowSlots> slots;
  for (std::size_t slot = 0; slot < kWindowSlots; ++slot) {
    slots[slot].kv.fill(slot < 7 ? 1000.F : 2.5F);
    slots[slot].gate.fill(slot < 7 ? -kInfinity : -3.F);
  }
  for (const float x : pool(slots)) EXPECT_EQ(x, 2.5F);
}

TEST(HeadOrder, PutsNegativeWeightsLastAndTheMostNegativeFirst) {
  const std::vector<float> weights{-1.F, 2.F, -0.F, -3.F, std::nanf(""), -1.F, 0.5F, -kInfinity};
  EXPECT_EQ(head_order(weights), (std::vector<std::int32_t>{1, 2, 4, 6, 7, 3, 0, 5}));
}

TEST(Score, APartialSumIsAnUpperBoundOnceThePositiveHeadsAreDone) {
  Random random(4);
  for (int round = 0; round < 50; ++round) {
    std::vector<EncodedRow> heads(16);
    for (EncodedRow& head : heads) {
      for (auto& code : head.codes) code = random.code();
      head.scale = std::fabs(random.value(Values::normal));
    }
    EncodedRow key = heads[3];
    key.scale = 0.01F;
    const ScoredQuery query = fold(heads, random.floats(16, Values::normal));
    ScoredQuery part = query;
    float bound = kInfinity;
    const auto negative = static_cast<std::size_t>(
        std::count_if(query.weights.begin(), query.weights.end(), [](float u) { return u < 0; }));
    for (std::size_t rest = negative + 1; rest-- > 0;) {
      part.heads.assign(query.heads.begin(), query.heads.end() - static_cast<std::ptrdiff_t>(rest));
      const float partial = score(part, key);
      EXPECT_LE(partial, bound);
      bound = partial;
    }
    EXPECT_EQ(bound, score(query, key));
  }
}

TEST(Select, OrdersByScoreThenRowAndPutsNanWithMinusInfinity) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> scores{1.F, nan, 3.F, -kInfinity, 3.F, -0.F, 0.F, -2.F};
  EXPECT_EQ(select(scores, 99), (std::vector<std::int32_t>{2, 4, 0, 5, 6, 7, 1, 3}));
  EXPECT_EQ(select(scores, 1), (std::vector<std::int32_t>{2}));
  EXPECT_TRUE(select({}, 5).empty());
}

}  // namespace
}  // namespace fulgurite::reference
