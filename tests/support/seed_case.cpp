#include "support/seed_case.hpp"

#include <bit>
#include <cmath>
#include <limits>

#include "indexer/rope_table.hpp"

namespace fulgurite::testing {
namespace {

std::vector<Bf16> selection(std::int64_t parity) {
  std::vector<Bf16> matrix(kRopeDim * kRopePairs);
  for (std::int64_t i = 0; i < kRopePairs; ++i) {
    matrix[static_cast<std::size_t>((2 * i + parity) * kRopePairs + i)] = to_bf16(1.F);
  }
  return matrix;
}

std::vector<Bf16> sylvester() {
  std::vector<Bf16> matrix;
  for (std::size_t i = 0; i < kHeadDim; ++i) {
    for (std::size_t k = 0; k < kHeadDim; ++k) {
      matrix.push_back(to_bf16(std::popcount(i & k) % 2 != 0 ? -0x1.6a09e6p-4F : 0x1.6a09e6p-4F));
    }
  }
  return matrix;
}

Values finite(Values values) { return values == Values::wild ? Values::extreme : values; }

}  // namespace

SeedCase::SeedCase(const SeedSizes& sizes, Random& random, Values values, bool general_hadamard) {
  const auto [b, s, d, q, h, l, start_pos, topk] = sizes;
  const Values weight_values = finite(values);
  x = random.bf16s(b * s * d, values);
  qr = random.codes(b * s * q);
  qr_scale = random.floats(b * s, values);
  wq_b = random.codes(q * h * kHeadDim);
  wq_b_scale = random.floats(h * kHeadDim, weight_values);
  if (values == Values::normal) {
    for (float& scale : qr_scale) scale = std::fabs(scale) * 0.01F;
    for (float& scale : wq_b_scale) scale = std::fabs(scale) * 0.001F;
  }
  weights_proj = random.bf16s(d * h, weight_values);
  const RopeAngle angle = rope_angle(start_pos);
  cos.assign(angle.cos.begin(), angle.cos.end());
  sin.assign(angle.sin.begin(), angle.sin.end());
  even_select = selection(0);
  odd_select = selection(1);
  hadamard = general_hadamard ? random.bf16s(kHeadDim * kHeadDim, weight_values) : sylvester();
  kv = random.floats(b * s * kHeadDim, values);
  kv_state = random.floats(b * kWindowSlots * kStateWidth, values);
  score_state = random.floats(b * kWindowSlots * kStateWidth, values);
  if (start_pos < kRatio) {
    for (float& gate : score_state) gate = -std::numeric_limits<float>::infinity();
  }
  wkv = random.bf16s(d * kStateWidth, weight_values);
  wgate = random.bf16s(d * kStateWidth, weight_values);
  ape = random.floats(kRatio * kStateWidth, weight_values);
  norm = random.floats(kHeadDim, weight_values);
  cache = random.bf16s(b * l * kHeadDim, values);
  input = {.x = {x.data(), {b, s, d}},
           .qr = {qr.data(), {b * s, q}},
           .qr_scale = {qr_scale.data(), {b * s, 1}},
           .wq_b = {wq_b.data(), {q, h * kHeadDim}},
           .wq_b_scale = {wq_b_scale.data(), {h * kHeadDim}},
           .weights_proj = {weights_proj.data(), {d, h}},
           .cos = {cos.data(), {1, kRopePairs}},
           .sin = {sin.data(), {1, kRopePairs}},
           .even_select = {even_select.data(), {kRopeDim, kRopePairs}},
           .odd_select = {odd_select.data(), {kRopeDim, kRopePairs}},
           .hadamard = {hadamard.data(), {kHeadDim, kHeadDim}},
           .inner_kv = {kv.data(), {b, s, kHeadDim}},
           .inner_kv_state = {kv_state.data(), {b, kWindowSlots, kStateWidth}},
           .inner_score_state = {score_state.data(), {b, kWindowSlots, kStateWidth}},
           .inner_wkv = {wkv.data(), {d, kStateWidth}},
           .inner_wgate = {wgate.data(), {d, kStateWidth}},
           .inner_ape = {ape.data(), {kRatio, kStateWidth}},
           .inner_norm_w = {norm.data(), {kHeadDim}},
           .idx_kv_cache = {cache.data(), {b, l, kHeadDim}},
           .start_pos = start_pos,
           .offset = 128,
           .topk = topk};
}

}  // namespace fulgurite::testing
