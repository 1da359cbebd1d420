#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "core/aligned_buffer.hpp"
#include "cpu/pack_weights.hpp"
#include "indexer/arithmetic.hpp"
#include "machine_kernels.hpp"
#include "random_values.hpp"

namespace fulgurite::cpu {
namespace {

constexpr float kUntouched = -12345.F;

struct Problem {
  std::int64_t tokens, hidden;
  std::int64_t outputs[3];       // of wkv, wgate, weights_proj
  std::vector<Bf16> x;           // [T, D]
  std::vector<Bf16> weights[3];  // [outputs, D]

  [[nodiscard]] std::int64_t columns() const {
    return packed_columns(outputs[0] + outputs[1] + outputs[2]);
  }
};

Problem random_problem(std::int64_t tokens, std::int64_t hidden, std::uint64_t seed) {
  RandomValues random(seed);
  Problem p{.tokens = tokens, .hidden = hidden, .outputs = {}, .x = {}, .weights = {}};
  for (std::int64_t t = 0; t < tokens; ++t) {
    const std::uint64_t kind = random.below(RandomValues::kKinds);
    for (std::int64_t k = 0; k < hidden; ++k) p.x.push_back(random.bf16(kind));
  }
  for (int matrix = 0; matrix < 3; ++matrix) {
    p.outputs[matrix] = static_cast<std::int64_t>(1 + random.below(40));
    for (std::int64_t column = 0; column < p.outputs[matrix]; ++column) {
      const std::uint64_t kind = random.below(RandomValues::kFiniteKinds);
      for (std::int64_t k = 0; k < hidden; ++k) p.weights[matrix].push_back(random.bf16(kind));
    }
  }
  return p;
}

std::uint32_t canonical_bits(float x) { return std::bit_cast<std::uint32_t>(canonical(x)); }

std::vector<std::uint32_t> expected(const Problem& p) {
  const auto hidden = static_cast<std::size_t>(p.hidden);
  std::vector<std::uint32_t> out;
  const std::vector<Bf16> zeros(hidden);
  for (std::int64_t t = 0; t < p.tokens; ++t) {
    const auto x = std::span<const Bf16>(p.x).subspan(static_cast<std::size_t>(t) * hidden, hidden);
    for (const auto& matrix : p.weights) {
      for (std::size_t i = 0; i < matrix.size(); i += hidden) {
        const auto column = std::span<const Bf16>(matrix).subspan(i, hidden);
        out.push_back(canonical_bits(reference::dot(x, column)));
      }
    }
    // A column of padding is a Dot with zeros, which is NaN for a token with NaN or infinities.
    while (static_cast<std::int64_t>(out.size()) < (t + 1) * p.columns()) {
      out.push_back(canonical_bits(reference::dot(x, zeros)));
    }
  }
  return out;
}

struct PackedWeights {
  explicit PackedWeights(const Problem& p)
      : matrix("weights", p.columns() * p.hidden),
        exponents(static_cast<std::size_t>(p.columns() / kColumnBlock)) {
    const auto view = [&](int i) {
      return TensorView<const Bf16, 2>(p.weights[i].data(), {p.outputs[i], p.hidden});
    };
    pack_hidden_weights(view(0), view(1), view(2), 0, p.columns(), matrix.data(), exponents.data());
  }
  core::AlignedBuffer<std::uint16_t> matrix;
  std::vector<ExponentRange> exponents;
};

std::vector<float> run(const Kernels& kernels, const Problem& p,
                       const std::vector<std::int64_t>& cuts, bool know_exponents = true) {
  const PackedWeights weights(p);
  core::AlignedBuffer<std::byte> packed("x", packed_x_bytes(p.tokens, p.hidden));
  std::vector<std::uint16_t> x(p.x.size());
  std::memcpy(x.data(), p.x.data(), x.size() * sizeof x[0]);
  const std::int64_t run = cuts.size() > 2 ? std::int64_t{kMaxHiddenRows} : p.tokens;
  for (std::int64_t first = 0; first < p.tokens; first += run) {
    kernels.pack_x({x.data(), p.tokens, p.hidden}, first, std::min(first + run, p.tokens),
                   packed.data());
  }
  std::vector<float> out(static_cast<std::size_t>(p.tokens * p.columns()), kUntouched);
  const HiddenProjection projection{
      .tokens = p.tokens,
      .hidden = p.hidden,
      .columns = p.columns(),
      .weights = weights.matrix.data(),
      .weight_exponents = know_exponents ? weights.exponents.data() : nullptr,
      .activations = packed.data(),
      .out = out.data()};
  for (std::size_t i = 1; i < cuts.size(); ++i) kernels.project(projection, cuts[i - 1], cuts[i]);
  return out;
}

std::vector<std::uint32_t> run_bits(const Kernels& kernels, const Problem& p,
                                    const std::vector<std::int64_t>& cuts,
                                    bool know_exponents = true) {
  std::vector<std::uint32_t> bits;
  for (const float x : run(kernels, p, cuts, know_exponents)) bits.push_back(canonical_bits(x));
  return bits;
}

RC_GTEST_PROP(Project, EveryIsaGivesTheBitsOfTheReference, ()) {
  const auto tokens = *rc::gen::inRange<std::int64_t>(1, 41);
  const auto hidden = 16 * *rc::gen::inRange<std::int64_t>(1, 10);
  const Problem p = random_problem(tokens, hidden, *rc::gen::arbitrary<std::uint64_t>());
  const auto wanted = expected(p);
  for (const auto& [name, kernels] : machine_kernels()) {
    if (run_bits(*kernels, p, {0, p.columns()}) != wanted) RC_FAIL(name);
  }
}

RC_GTEST_PROP(Project, ExponentsOfTheWeightsMayBeUnknown, ()) {
  const Problem p = random_problem(*rc::gen::inRange<std::int64_t>(1, 20), 64,
                                   *rc::gen::arbitrary<std::uint64_t>());
  for (const auto& [name, kernels] : machine_kernels()) {
    if (run_bits(*kernels, p, {0, p.columns()}, false) != run_bits(*kernels, p, {0, p.columns()})) {
      RC_FAIL(name);
    }
  }
}

RC_GTEST_PROP(Project, AnySplitOfTheColumnsGivesTheSameBits, ()) {
  const Problem p = random_problem(*rc::gen::inRange<std::int64_t>(1, 12), 48,
                                   *rc::gen::arbitrary<std::uint64_t>());
  const std::int64_t blocks = p.columns() / 16;
  std::vector<std::int64_t> cuts{0};
  while (cuts.back() < p.columns()) {
    cuts.push_back(*rc::gen::inRange<std::int64_t>(cuts.back() / 16 + 1, blocks + 1) * 16);
  }
  for (const auto& [name, kernels] : machine_kernels()) {
    if (run_bits(*kernels, p, cuts) != run_bits(*kernels, p, {0, p.columns()})) RC_FAIL(name);
  }
}

TEST(Project, WritesNoColumnOutsideItsRange) {
  Problem p = random_problem(11, 32, 5);
  p.outputs[0] = 3;
  p.weights[0].resize(3 * 32);
  ASSERT_GE(p.columns(), 48);
  for (const auto& [name, kernels] : machine_kernels()) {
    const auto out = run(*kernels, p, {16, 32});
    for (std::size_t i = 0; i < out.size(); ++i) {
      const auto column = static_cast<std::int64_t>(i) % p.columns();
      EXPECT_EQ(out[i] == kUntouched, column < 16 || column >= 32) << name << ' ' << i;
    }
  }
}

/// One token, one column: odd elements come first in a pair.
float one_dot(const Kernels& kernels, std::vector<std::uint16_t> x, std::vector<std::uint16_t> w) {
  Problem p{.tokens = 1, .hidden = 16, .outputs = {1, 1, 1}, .x = {}, .weights = {}};
  p.x.resize(16);
  for (auto& matrix : p.weights) matrix.resize(16);
  for (std::size_t i = 0; i < x.size(); ++i) p.x[i].bits = x[i];
  for (std::size_t i = 0; i < w.size(); ++i) p.weights[0][i].bits = w[i];
  const float sum = run(kernels, p, {0, p.columns()})[0];
  EXPECT_EQ(canonical_bits(sum), canonical_bits(reference::dot(p.x, p.weights[0])));
  return sum;
}

constexpr std::uint16_t power_of_two(int exponent) {
  return static_cast<std::uint16_t>((127 + exponent) << 7);
}
constexpr std::uint16_t kMinus = 0x8000;

TEST(Project, AResultIsDenormalIfItIsBelowTheSmallestNormalAfterRounding) {
  for (const auto& [name, kernels] : machine_kernels()) {
    const auto from_smallest_normal = [&](int exponent) {  // 2^-126 - 2^exponent
      const int half = exponent / 2;
      return one_dot(
          *kernels, {power_of_two(half), power_of_two(-63)},
          {static_cast<std::uint16_t>(kMinus | power_of_two(exponent - half)), power_of_two(-63)});
    };
    EXPECT_EQ(from_smallest_normal(-149), 0.F) << name;
    EXPECT_EQ(from_smallest_normal(-150), 0.F) << name;
    EXPECT_EQ(from_smallest_normal(-151), 0x1p-126F) << name;  // a tie, to even
    EXPECT_EQ(from_smallest_normal(-152), 0x1p-126F) << name;
  }
}

TEST(Project, AProductIsNotRoundedBeforeItIsAdded) {
  // 2^127 * 2 overflows alone; with -2^127 it is 2^127.
  for (const auto& [name, kernels] : machine_kernels()) {
    EXPECT_EQ(one_dot(*kernels, {power_of_two(127), power_of_two(127)},
                      {power_of_two(1), static_cast<std::uint16_t>(kMinus | power_of_two(0))}),
              0x1p127F)
        << name;
    // 1.5 * 2^64 times 1.5 * 2^63 is 1.125 * 2^128.
    constexpr std::uint16_t kHalf = 0x40;
    EXPECT_EQ(
        one_dot(*kernels, {power_of_two(64) | kHalf, power_of_two(64)},
                {power_of_two(63) | kHalf, static_cast<std::uint16_t>(kMinus | power_of_two(63))}),
        0x1.4p127F)
        << name;
    // 2^-120 * 2^-14 is denormal alone.
    EXPECT_EQ(one_dot(*kernels, {power_of_two(-120), power_of_two(-60)},
                      {power_of_two(-14), power_of_two(-60)}),
              0x1p-120F + 0x1p-134F)
        << name;
  }
}

TEST(Project, ASumOfNormalProductsThatIsDenormalIsZero) {
  // (1 + 2^-7)^2 - (1 + 2^-6) = 2^-14, at every scale of the products.
  constexpr std::uint16_t kLastBit = 1;
  for (const auto& [name, kernels] : machine_kernels()) {
    for (int exponent = -130; exponent <= -100; ++exponent) {
      const int half = exponent / 2;
      const int rest = exponent - half;
      const float sum = one_dot(*kernels,
                                {static_cast<std::uint16_t>(power_of_two(half) | kLastBit),
                                 static_cast<std::uint16_t>(power_of_two(half) | 2 * kLastBit)},
                                {static_cast<std::uint16_t>(power_of_two(rest) | kLastBit),
                                 static_cast<std::uint16_t>(kMinus | power_of_two(rest))});
      EXPECT_EQ(sum, exponent - 14 < -126 ? 0.F : std::ldexp(1.F, exponent - 14))
          << name << ' ' << exponent;
    }
  }
}

TEST(Project, DenormalOperandsCountAsZero) {
  constexpr std::uint16_t kDenormal = 0x007f;
  for (const auto& [name, kernels] : machine_kernels()) {
    EXPECT_EQ(one_dot(*kernels, {kDenormal}, {power_of_two(127)}), 0.F) << name;
    EXPECT_EQ(one_dot(*kernels, {power_of_two(127)}, {kDenormal}), 0.F) << name;
    constexpr std::uint16_t kInfinity = 0x7f80;
    EXPECT_TRUE(is_nan(one_dot(*kernels, {kInfinity}, {kDenormal}))) << name;
  }
}

#if defined(__x86_64__)
TEST(Project, LeavesTheModeOfFloatingPointAsItWas) {
  const Problem p = random_problem(9, 32, 1);
  const unsigned before = _mm_getcsr();
  constexpr unsigned kStickyFlags = 0x3f;
  for (const auto& [name, kernels] : machine_kernels()) {
    run(*kernels, p, {0, p.columns()});
    EXPECT_EQ(_mm_getcsr() & ~kStickyFlags, before & ~kStickyFlags) << name;
    volatile float tiny = 0x1p-126F;
    EXPECT_NE(tiny * 0.5F, 0.F) << name;
  }
}
#endif

}  // namespace
}  // namespace fulgurite::cpu
