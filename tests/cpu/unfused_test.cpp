#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <vector>

#include "core/aligned_buffer.hpp"
#include "cpu/pack_weights.hpp"
#include "every_isa.hpp"
#include "scored_rows.hpp"

namespace fulgurite::cpu {
namespace {

/// What the kernels with a fusion undone leave is what the fused ones leave.
using Unfused = EveryIsa;
INSTANTIATE_TEST_SUITE_P(, Unfused, testing::ValuesIn(machine_kernels()), isa_name);

TEST_P(Unfused, query_through_its_sums) {
  EXPECT_TRUE(rc::check([&](std::uint64_t seed) {
    Draw draw(seed);
    const std::int64_t tokens = draw.integer(1, 20);
    const std::int64_t rank = 16 * draw.integer(1, 5);
    const std::int64_t columns = 16 * draw.integer(1, 6);
    const auto codes = [&](std::int64_t count) {
      std::vector<std::int8_t> all(static_cast<std::size_t>(count));
      for (std::int8_t& code : all) code = draw.code();
      return all;
    };
    const auto scales = [&](std::int64_t count) {
      std::vector<float> all(static_cast<std::size_t>(count));
      for (float& scale : all) scale = draw.normal();
      return all;
    };
    const std::vector<std::int8_t> qr = codes(tokens * rank);
    const std::vector<std::int8_t> weights = codes(columns * rank);
    const std::vector<float> row_scale = scales(tokens);
    const std::vector<float> column_scale = scales(columns);
    core::AlignedBuffer<std::uint8_t> packed_weights("weights", columns * rank);
    pack_query_weights({weights.data(), {columns, rank}}, 0, columns, packed_weights.data());
    core::AlignedBuffer<std::byte> packed("qr", packed_qr_bytes(tokens, rank));
    std::vector<std::int32_t> correction(
        static_cast<std::size_t>(core::round_up(tokens, std::int64_t{kRowBlock})));
    kernels().pack_qr(qr.data(), tokens, rank, packed.data(), correction.data());
    std::vector<std::uint16_t> fused(static_cast<std::size_t>(tokens * columns), 1);
    std::vector<std::uint16_t> apart(fused.size(), 2);
    QueryProjection problem{.tokens = tokens,
                            .query_rank = rank,
                            .columns = columns,
                            .weights = packed_weights.data(),
                            .column_scale = column_scale.data(),
                            .activations = packed.data(),
                            .correction = correction.data(),
                            .row_scale = row_scale.data(),
                            .out = fused.data()};
    kernels().query(problem, 0, columns);
    problem.out = apart.data();
    std::vector<std::int32_t> sums(fused.size());
    kernels().unfused.query_sums(problem, sums.data());
    kernels().unfused.scale_sums(problem, sums.data());
    RC_ASSERT(apart == fused);
  }));
}

TEST_P(Unfused, transform_in_two_passes) {
  EXPECT_TRUE(rc::check([&](std::uint64_t seed) {
    Draw draw(seed);
    const std::int64_t heads = draw.integer(1, 40);
    const auto features = static_cast<std::size_t>(heads * kHeadDim);
    std::vector<std::uint16_t> q;
    while (q.size() < features) q.push_back(to_bf16(draw.of_kind(draw.kind())).bits);
    if (draw.one_in(3)) q[3] = to_bf16(draw.not_finite()).bits;
    const std::vector<float> cos(kRopePairs, 0.6F);
    const std::vector<float> sin(kRopePairs, -0.8F);
    struct Result {
      std::vector<std::int8_t> codes;
      std::vector<float> scale;
    };
    const auto result = [&] {
      return Result{std::vector<std::int8_t>(features, 99),
                    std::vector<float>(static_cast<std::size_t>(heads), -1)};
    };
    Result fused = result();
    Result roped = result();
    Result rotated = result();
    const auto to = [&](Result& r) {
      return QueryTransform{
          .heads = heads,
          .q = q.data(),
          .cos = cos.data(),
          .sin = sin.data(),
          .rotation = {.butterflies = true, .factor = 0.088388346F, .lines = nullptr},
          .codes = r.codes.data(),
          .scale = r.scale.data()};
    };
    kernels().transform_query(to(fused));
    std::vector<std::uint16_t> bf16_rows(features);
    kernels().unfused.rope_rows(to(roped), bf16_rows.data());
    kernels().unfused.rotate_quantize(to(roped), bf16_rows.data());
    std::vector<float> fp32_rows(features);
    kernels().unfused.rope_rotate(to(rotated), fp32_rows.data());
    kernels().unfused.quantize_rotated(to(rotated), fp32_rows.data());
    for (const Result& apart : {roped, rotated}) {
      RC_ASSERT(apart.codes == fused.codes);
      RC_ASSERT(bits_of(apart.scale) == bits_of(fused.scale));
    }
  }));
}

TEST_P(Unfused, selection_from_an_array) {
  EXPECT_TRUE(rc::check([&](std::uint64_t seed) {
    Draw draw(seed);
    const bool sampled = draw.one_in(3);  // few of many: a threshold is taken from samples first
    const std::int64_t count = sampled ? draw.integer(16'384, 20'000) : draw.integer(1, 6000);
    std::vector<float> scores(static_cast<std::size_t>(count));
    const bool few_values = draw.one_in(3);  // then none is above that threshold
    for (float& score : scores) {
      score = few_values ? static_cast<float>(draw.integer(-2, 2)) : draw.normal();
      if (draw.one_in(500)) score = draw.not_finite();
    }
    const std::int64_t k = draw.integer(1, 700);
    List list(k);
    kernels().unfused.select_scores(scores.data(), count, list.list);
    RC_ASSERT(list.take(kernels()) == reference::select(scores, k));
  }));
}

}  // namespace
}  // namespace fulgurite::cpu
