#pragma once

#include <vector>

#include "cpu/kernels.hpp"
#include "fulgurite/model.hpp"
#include "random_tensors.hpp"

namespace fulgurite::app {

/// The heads of the tokens of a block, to be rotated and quantised.
struct Heads {
  static constexpr std::int64_t kTokens = 128;
  static constexpr std::int64_t kHeads = 64;
  static constexpr std::int64_t kRows = kTokens * kHeads;

  Heads() {
    RandomTensors tensors(2);
    q = tensors.bf16s(kRows * kHeadDim, 1);
    cos = tensors.floats(kRopePairs, 0.7F, 0.01F);
  }
  /// each(problem, first value) for each token.
  template <class Each>
  void for_each_token(const Each& each) {
    for (std::int64_t token = 0; token < kTokens; ++token) {
      const std::int64_t first = token * kHeads * kHeadDim;
      each(
          cpu::QueryTransform{
              .heads = kHeads,
              .q = &q[0].bits + first,
              .cos = cos.data(),
              .sin = cos.data(),
              .rotation = {.butterflies = true, .factor = inverse_root(kHeadDim), .lines = nullptr},
              .codes = codes.data() + first,
              .scale = scales.data() + token * kHeads},
          first);
    }
  }

  /// By the fused kernel.
  void transform(const cpu::Kernels& kernels) {
    for_each_token([&](const cpu::QueryTransform& t, std::int64_t) { kernels.transform_query(t); });
  }

  std::vector<Bf16> q;
  std::vector<float> cos;
  std::vector<std::int8_t> codes = std::vector<std::int8_t>(kRows * kHeadDim);
  std::vector<float> scales = std::vector<float>(kRows);
};

}  // namespace fulgurite::app
