#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstring>
#include <limits>
#include <vector>

#include "core/aligned_buffer.hpp"
#include "cpu/pack_weights.hpp"
#include "indexer/arithmetic.hpp"
#include "machine_kernels.hpp"
#include "random_values.hpp"

namespace fulgurite::cpu {
namespace {

constexpr std::uint16_t kUntouched = 0x1234;

struct Problem {
  std::int64_t tokens = 0, query_rank = 0, columns = 0;
  std::vector<std::int8_t> qr, weights;  // [T, Q], [columns, Q]
  std::vector<float> row_scale, column_scale;
};

std::size_t at(std::int64_t row, std::int64_t width, std::int64_t column = 0) {
  return static_cast<std::size_t>(row * width + column);
}

Problem random_problem(std::int64_t tokens, std::int64_t query_rank, std::int64_t columns,
                       std::uint64_t seed) {
  RandomValues random(seed);
  Problem p;
  p.tokens = tokens;
  p.query_rank = query_rank;
  p.columns = columns;
  for (std::int64_t t = 0; t < tokens; ++t) {
    // A sum of few codes is small, and bf16 then shows its last bit.
    const std::uint64_t sparsity =
        random.below(2) == 0 ? 1 : static_cast<std::uint64_t>(query_rank);
    for (std::int64_t k = 0; k < query_rank; ++k) {
      p.qr.push_back(random.below(sparsity) == 0 ? random.int8() : std::int8_t{0});
    }
  }
  for (std::int64_t i = 0; i < columns * query_rank; ++i) p.weights.push_back(random.int8());
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (std::int64_t i = 0; i < tokens; ++i) {
    const bool finite = random.below(8) != 0;
    p.row_scale.push_back(finite ? random.finite_scale()
                                 : (random.below(2) == 0 ? kInfinity : kInfinity - kInfinity));
  }
  for (std::int64_t i = 0; i < columns; ++i) p.column_scale.push_back(random.finite_scale());
  return p;
}

/// As stage `query` of the reference: src/indexer/query.cpp.
std::vector<std::uint16_t> expected(const Problem& p) {
  std::vector<std::uint16_t> q;
  const std::span<const std::int8_t> qr(p.qr);
  const std::span<const std::int8_t> weights(p.weights);
  const auto rank = static_cast<std::size_t>(p.query_rank);
  for (std::int64_t t = 0; t < p.tokens; ++t) {
    for (std::int64_t c = 0; c < p.columns; ++c) {
      const std::int32_t sum = reference::dot(qr.subspan(at(t, p.query_rank), rank),
                                              weights.subspan(at(c, p.query_rank), rank));
      const float scaled = static_cast<float>(sum) * p.row_scale[at(t, 1)];
      q.push_back(to_bf16(scaled * p.column_scale[at(c, 1)]).bits);
    }
  }
  return q;
}

/// The query of the columns between neighbours of `cuts`; other columns are left as they are.
std::vector<std::uint16_t> run(const Kernels& kernels, const Problem& p,
                               const std::vector<std::int64_t>& cuts) {
  core::AlignedBuffer<std::uint8_t> weights("weights", p.columns * p.query_rank);
  pack_query_weights({p.weights.data(), {p.columns, p.query_rank}}, 0, p.columns, weights.data());
  core::AlignedBuffer<std::byte> packed("qr", packed_qr_bytes(p.tokens, p.query_rank));
  std::vector<std::int32_t> correction(
      static_cast<std::size_t>(core::round_up(p.tokens, kRowBlock)));
  kernels.pack_qr(p.qr.data(), p.tokens, p.query_rank, packed.data(), correction.data());
  std::vector<std::uint16_t> out(at(p.tokens, p.columns), kUntouched);
  const QueryProjection projection{.tokens = p.tokens,
                                   .query_rank = p.query_rank,
                                   .columns = p.columns,
                                   .weights = weights.data(),
                                   .column_scale = p.column_scale.data(),
                                   .activations = packed.data(),
                                   .correction = correction.data(),
                                   .row_scale = p.row_scale.data(),
                                   .out = out.data()};
  for (std::size_t i = 1; i < cuts.size(); ++i) kernels.query(projection, cuts[i - 1], cuts[i]);
  return out;
}

RC_GTEST_PROP(Query, EveryIsaGivesTheBitsOfTheReference, ()) {
  const auto tokens = *rc::gen::inRange<std::int64_t>(1, 41);
  const auto query_rank = 16 * *rc::gen::element<std::int64_t>(1, 2, 3, 5, 8, 13, 64, 96);
  const auto columns = 16 * *rc::gen::inRange<std::int64_t>(1, 16);
  const Problem p =
      random_problem(tokens, query_rank, columns, *rc::gen::arbitrary<std::uint64_t>());
  const auto wanted = expected(p);
  for (const auto& [name, kernels] : machine_kernels()) {
    if (run(*kernels, p, {0, columns}) != wanted) RC_FAIL(name);
  }
}

RC_GTEST_PROP(Query, AnySplitOfTheColumnsGivesTheSameBits, ()) {
  const auto tokens = *rc::gen::inRange<std::int64_t>(1, 10);
  const std::int64_t blocks = *rc::gen::inRange<std::int64_t>(1, 12);
  const Problem p = random_problem(tokens, 64, 16 * blocks, *rc::gen::arbitrary<std::uint64_t>());
  std::vector<std::int64_t> cuts{0};
  while (cuts.back() < 16 * blocks) {
    cuts.push_back(*rc::gen::inRange<std::int64_t>(cuts.back() / 16 + 1, blocks + 1) * 16);
  }
  for (const auto& [name, kernels] : machine_kernels()) {
    if (run(*kernels, p, cuts) != run(*kernels, p, {0, 16 * blocks})) RC_FAIL(name);
  }
}

TEST(Query, WritesNoColumnOutsideItsRange) {
  const Problem p = random_problem(5, 32, 160, 7);
  const auto wanted = expected(p);
  for (const auto& [name, kernels] : machine_kernels()) {
    const auto out = run(*kernels, p, {32, 112});
    for (std::int64_t t = 0; t < p.tokens; ++t) {
      for (std::int64_t c = 0; c < p.columns; ++c) {
        const std::size_t i = at(t, p.columns, c);
        ASSERT_EQ(out[i], c >= 32 && c < 112 ? wanted[i] : kUntouched) << name << t << ' ' << c;
      }
    }
  }
}

TEST(Query, SumsBeyondTwoToThe24RoundToNearestEven) {
  // 1,536 products of up to 2^14: odd sums of 25 bits lie halfway between two floats.
  Problem p = random_problem(9, 1536, 16, 11);
  for (std::size_t i = 0; i < p.qr.size(); ++i) p.qr[i] = i % 7 == 0 ? -127 : -128;
  for (std::size_t i = 0; i < p.weights.size(); ++i) {
    p.weights[i] = static_cast<std::int8_t>(-128 + static_cast<int>(i / 1536 + i % 3));
  }
  p.row_scale.assign(p.row_scale.size(), 1.F);
  p.column_scale.assign(p.column_scale.size(), 0x1.000002p0F);
  for (const auto& [name, kernels] : machine_kernels()) {
    EXPECT_EQ(run(*kernels, p, {0, 16}), expected(p)) << name;
  }
}

TEST(Query, TheLargestSumsThatInt32HoldsAreExact) {
  Problem p = random_problem(1, 65'536, 16, 3);
  p.qr.assign(p.qr.size(), -128);
  p.weights.assign(p.weights.size(), 127);
  p.row_scale = {1.F};
  for (const auto& [name, kernels] : machine_kernels()) {
    EXPECT_EQ(run(*kernels, p, {0, 16}), expected(p)) << name;
  }
}

}  // namespace
}  // namespace fulgurite::cpu
