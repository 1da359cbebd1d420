#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "every_isa.hpp"
#include "indexer/stages.hpp"
#include "packed_matrix.hpp"

namespace fulgurite::cpu {
namespace {

using Transform = EveryIsa;
INSTANTIATE_TEST_SUITE_P(, Transform, testing::ValuesIn(machine_kernels()), isa_name);

struct TransformCase {
  std::vector<std::uint16_t> q;
  RopeAngle angle;
  HadamardMatrix matrix;
};
TransformCase draw_transform(Draw& draw, std::int64_t heads) {
  TransformCase c;
  const bool may_be_infinite = draw.one_in(4);
  for (std::int64_t head = 0; head < heads; ++head) {
    const int kind = draw.kind();
    for (int i = 0; i < kHeadDim; ++i) c.q.push_back(to_bf16(draw.of_kind(kind)).bits);
    if (may_be_infinite && draw.one_in(3)) {
      c.q[c.q.size() - static_cast<std::size_t>(draw.integer(1, kHeadDim))] =
          to_bf16(draw.not_finite()).bits;
    }
  }
  for (std::size_t i = 0; i < kRopePairs; ++i) {
    const float angle = 3 * draw.normal();
    c.angle.cos[i] = std::cos(angle);
    c.angle.sin[i] = std::sin(angle);
  }
  c.matrix = draw_matrix(draw);
  return c;
}

TEST_P(Transform, equals_the_definition_for_any_heads_and_matrix) {
  EXPECT_TRUE(rc::check([&](std::uint64_t seed) {
    Draw draw(seed);
    const std::int64_t heads = draw.one_in(2) ? draw.integer(1, 9) : 8 * draw.integer(1, 16);
    const TransformCase c = draw_transform(draw, heads);
    const PackedMatrix packed(c.matrix);
    std::vector<std::int8_t> codes(static_cast<std::size_t>(heads) * kHeadDim, 99);
    std::vector<float> scale(static_cast<std::size_t>(heads), -1);
    kernels().transform_query({.heads = heads,
                               .q = c.q.data(),
                               .cos = c.angle.cos.data(),
                               .sin = c.angle.sin.data(),
                               .rotation = packed.rotation(),
                               .codes = codes.data(),
                               .scale = scale.data()});
    for (std::size_t head = 0; head < static_cast<std::size_t>(heads); ++head) {
      reference::Row row;
      for (std::size_t i = 0; i < kHeadDim; ++i) row[i] = to_float(Bf16{c.q[head * kHeadDim + i]});
      reference::rotate(row, c.angle, Rounding::bf16);
      reference::multiply_hadamard(row, c.matrix);
      const reference::EncodedRow expected = reference::quantize(row);
      RC_ASSERT(bits_of({scale[head]}) == bits_of({expected.scale}));
      RC_ASSERT(std::equal(expected.codes.begin(), expected.codes.end(),
                           codes.begin() + static_cast<std::ptrdiff_t>(head * kHeadDim)));
    }
  }));
}

TEST_P(Transform, quantizes_stored_rows_as_the_definition_does) {
  EXPECT_TRUE(rc::check([&](std::uint64_t seed) {
    Draw draw(seed);
    const std::int64_t count = draw.integer(0, 5);
    std::vector<std::uint16_t> rows;
    for (std::int64_t i = 0; i < count; ++i) {
      const int kind = draw.kind();
      for (int j = 0; j < kHeadDim; ++j) rows.push_back(to_bf16(draw.of_kind(kind)).bits);
      if (draw.one_in(8)) rows.back() = to_bf16(draw.not_finite()).bits;
    }
    std::vector<std::int8_t> codes(rows.size(), 99);
    std::vector<float> scale(static_cast<std::size_t>(count), -1);
    kernels().quantize_rows({count, rows.data(), codes.data(), scale.data()});
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
      reference::Row row;
      for (std::size_t j = 0; j < kHeadDim; ++j) row[j] = to_float(Bf16{rows[i * kHeadDim + j]});
      const reference::EncodedRow expected = reference::quantize(row);
      RC_ASSERT(bits_of({scale[i]}) == bits_of({expected.scale}));
      RC_ASSERT(std::equal(expected.codes.begin(), expected.codes.end(),
                           codes.begin() + static_cast<std::ptrdiff_t>(i * kHeadDim)));
    }
  }));
}

TEST_P(Transform, rounds_halves_to_even_codes) {
  // With a largest value of 127 every code is the value itself, rounded.
  std::vector<std::uint16_t> row(kHeadDim);
  for (std::size_t i = 0; i < kHeadDim; ++i) {
    row[i] = to_bf16(static_cast<float>(i) / 2 - 31.5F).bits;
  }
  row[0] = to_bf16(127).bits;
  std::vector<std::int8_t> codes(kHeadDim);
  float scale = 0;
  kernels().quantize_rows({1, row.data(), codes.data(), &scale});
  EXPECT_EQ(scale, 1);
  for (std::size_t i = 1; i < kHeadDim; ++i) {
    EXPECT_EQ(codes[i], static_cast<int>(std::nearbyint(static_cast<float>(i) / 2 - 31.5F))) << i;
  }
}

}  // namespace
}  // namespace fulgurite::cpu
