#include "demo_data.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>

#include "indexer/rope_table.hpp"
#include "random_tensors.hpp"

namespace fulgurite::app {
namespace {

/// Sylvester's matrix * 128^-0.5: the sign of [i,j] is the parity of the bits of i & j.
std::vector<Bf16> hadamard() {
  std::vector<Bf16> matrix;
  for (unsigned i = 0; i < kHeadDim; ++i) {
    for (unsigned j = 0; j < kHeadDim; ++j) {
      matrix.push_back(to_bf16(std::popcount(i & j) % 2 == 0 ? 0.088388348F : -0.088388348F));
    }
  }
  return matrix;
}

}  // namespace

double DemoSize::needed_bytes() const {
  const auto tokens = static_cast<double>(sequences) * static_cast<double>(tokens_each);
  const auto d = static_cast<double>(shape.hidden);
  const auto q = static_cast<double>(shape.query_rank);
  const auto h = static_cast<double>(shape.heads);
  const auto rows = static_cast<double>(std::max<std::int64_t>(visible_rows(), 1));
  const double weights = q * h * kHeadDim + 2 * d * (h + 2 * kStateWidth);
  // The cache as bf16 in the input and the output, and as codes; score and topk_idxs in the output,
  // and the scores before; of weights and activations the given, the packed and the reference's.
  // Compressor states come in, are worked on and go out.
  const double states = static_cast<double>(sequences) * kWindowSlots * kStateWidth * 8 * 3;
  constexpr double kMargin = 1.15;  // what allocators and threads need, measured
  return kMargin *
         (static_cast<double>(sequences) * rows * kHeadDim * 5 + tokens * rows * 12 + weights * 4 +
          states + tokens * (h * kHeadDim * 12 + (d + q) * 8 + (2 * kStateWidth + h) * 4));
}

DemoData::DemoData(const DemoSize& size, std::uint64_t seed)
    : size_(size), rows_(std::max<std::int64_t>(size.visible_rows(), 1)), hadamard_(hadamard()) {
  const std::int64_t b = size.sequences;
  const std::int64_t t = b * size.tokens_each;
  const std::int64_t d = size.shape.hidden;
  const std::int64_t q = size.shape.query_rank;
  const std::int64_t h = size.shape.heads;
  RandomTensors tensors(seed);
  x_ = tensors.bf16s(t * d, 1);
  qr_ = tensors.codes(t * q);
  qr_scale_ = tensors.floats(t, 1 / kCodeDeviation, 0.1F / kCodeDeviation);
  wq_b_ = tensors.codes(q * h * kHeadDim);
  // So that q has deviation 1.
  const float scale = inverse_root(q) / kCodeDeviation;
  wq_b_scale_ = tensors.floats(h * kHeadDim, scale, 0.1F * scale);
  weights_proj_ = tensors.bf16s(d * h, inverse_root(d));
  kv_state_ = tensors.floats(b * kWindowSlots * kStateWidth, 0, 1);
  gate_state_ = tensors.floats(b * kWindowSlots * kStateWidth, 0, 1);
  wkv_ = tensors.bf16s(d * kStateWidth, inverse_root(d));
  wgate_ = tensors.bf16s(d * kStateWidth, inverse_root(d));
  ape_ = tensors.floats(std::int64_t{kRatio} * kStateWidth, 0, 0.1F);
  norm_ = tensors.floats(kHeadDim, 1, 0.1F);
  cache_ = tensors.bf16s(b * rows_ * kHeadDim, 1);
  const RopeAngle angle = rope_angle(size.start_pos);
  cos_.assign(angle.cos.begin(), angle.cos.end());
  sin_.assign(angle.sin.begin(), angle.sin.end());
}

SeedInput DemoData::part(std::int64_t first, std::int64_t count) const {
  const std::int64_t s = size_.tokens_each;
  const std::int64_t d = size_.shape.hidden;
  const std::int64_t q = size_.shape.query_rank;
  const std::int64_t h = size_.shape.heads;
  constexpr std::int64_t kState = std::int64_t{kWindowSlots} * kStateWidth;
  SeedInput input;
  input.x = {x_.data() + first * s * d, {count, s, d}};
  input.qr = {qr_.data() + first * s * q, {count * s, q}};
  input.qr_scale = {qr_scale_.data() + first * s, {count * s, 1}};
  input.wq_b = {wq_b_.data(), {q, h * kHeadDim}};
  input.wq_b_scale = {wq_b_scale_.data(), {h * kHeadDim}};
  input.weights_proj = {weights_proj_.data(), {d, h}};
  input.cos = {cos_.data(), {1, kRopePairs}};
  input.sin = {sin_.data(), {1, kRopePairs}};
  input.hadamard = {hadamard_.data(), {kHeadDim, kHeadDim}};
  input.inner_kv_state = {kv_state_.data() + first * kState, {count, kWindowSlots, kStateWidth}};
  input.inner_score_state = {gate_state_.data() + first * kState,
                             {count, kWindowSlots, kStateWidth}};
  input.inner_wkv = {wkv_.data(), {d, kStateWidth}};
  input.inner_wgate = {wgate_.data(), {d, kStateWidth}};
  input.inner_ape = {ape_.data(), {kRatio, kStateWidth}};
  input.inner_norm_w = {norm_.data(), {kHeadDim}};
  input.idx_kv_cache = {cache_.data() + first * rows_ * kHeadDim, {count, rows_, kHeadDim}};
  input.start_pos = size_.start_pos;
  input.topk = size_.shape.topk;
  return input;
}

}  // namespace fulgurite::app
