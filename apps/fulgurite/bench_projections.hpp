#pragma once

#include <algorithm>
#include <vector>

#include "core/aligned_buffer.hpp"
#include "core/checked.hpp"
#include "cpu/kernels.hpp"
#include "cpu/pack_weights.hpp"
#include "fulgurite/model.hpp"
#include "random_tensors.hpp"

namespace fulgurite::app {

/// Random weights and inputs of the projections. `copies` of the weights, used in turn, so that
/// together they exceed the caches.
struct Projections {
  static const ModelShape& shape() {
    static const ModelShape flash = ModelShape::v4_flash();
    return flash;
  }
  static constexpr std::int64_t kMostTokens = 128;
  static std::int64_t query_columns() { return shape().heads * kHeadDim; }
  static std::int64_t hidden_columns() {
    return core::round_up(2 * kStateWidth + shape().heads, std::int64_t{cpu::kColumnBlock});
  }

  explicit Projections(std::int64_t copies)
      : query("wq_b", copies * query_bytes()), hidden("weights", copies * hidden_values()) {
    RandomTensors tensors(1);
    const std::vector<std::int8_t> codes = tensors.codes(query_bytes());
    const std::vector<Bf16> values = tensors.bf16s(hidden_values(), 0.02F);
    for (std::int64_t copy = 0; copy < copies; ++copy) {
      std::transform(codes.begin(), codes.end(), query.data() + copy * query_bytes(),
                     [](std::int8_t code) { return static_cast<std::uint8_t>(code + 128); });
      std::transform(values.begin(), values.end(), hidden.data() + copy * hidden_values(),
                     [](Bf16 value) { return value.bits; });
    }
    qr = tensors.codes(kMostTokens * shape().query_rank);
    x = tensors.bf16s(kMostTokens * shape().hidden, 1);
  }
  static std::int64_t query_bytes() { return query_columns() * shape().query_rank; }
  static std::int64_t hidden_values() { return hidden_columns() * shape().hidden; }

  /// After qr is packed.
  cpu::QueryProjection packed_query(const cpu::Kernels& kernels, std::int64_t tokens,
                                    std::int64_t copy) {
    kernels.pack_qr(qr.data(), tokens, shape().query_rank, packed_qr.data(), correction.data());
    return {.tokens = tokens,
            .query_rank = shape().query_rank,
            .columns = query_columns(),
            .weights = query.data() + copy * query_bytes(),
            .column_scale = column_scale.data(),
            .activations = packed_qr.data(),
            .correction = correction.data(),
            .row_scale = row_scale.data(),
            .out = q.data()};
  }
  void run_query(const cpu::Kernels& kernels, std::int64_t tokens, std::int64_t copy) {
    kernels.query(packed_query(kernels, tokens, copy), 0, query_columns());
  }
  void run_project(const cpu::Kernels& kernels, std::int64_t tokens, std::int64_t copy) {
    kernels.pack_x({&x.data()->bits, tokens, shape().hidden}, 0, tokens, packed_x.data());
    kernels.project({.tokens = tokens,
                     .hidden = shape().hidden,
                     .columns = hidden_columns(),
                     .weights = hidden.data() + copy * hidden_values(),
                     .weight_exponents = exponents.data(),
                     .activations = packed_x.data(),
                     .out = projected.data()},
                    0, hidden_columns());
  }

  core::AlignedBuffer<std::uint8_t> query;
  core::AlignedBuffer<std::uint16_t> hidden;
  std::vector<std::int8_t> qr;
  std::vector<Bf16> x;
  std::vector<cpu::ExponentRange> exponents =
      std::vector<cpu::ExponentRange>(static_cast<std::size_t>(hidden_columns() / 16), {-40, 0});
  std::vector<float> column_scale =
      std::vector<float>(static_cast<std::size_t>(query_columns()), 1e-3F);
  std::vector<float> row_scale = std::vector<float>(kMostTokens, 1e-3F);
  std::vector<std::int32_t> correction = std::vector<std::int32_t>(kMostTokens);
  core::AlignedBuffer<std::byte> packed_qr{"qr",
                                           cpu::packed_qr_bytes(kMostTokens, shape().query_rank)};
  core::AlignedBuffer<std::byte> packed_x{"x", cpu::packed_x_bytes(kMostTokens, shape().hidden)};
  core::AlignedBuffer<std::uint16_t> q{"q", kMostTokens* query_columns()};
  core::AlignedBuffer<float> projected{"projected", kMostTokens* hidden_columns()};
};

}  // namespace fulgurite::app
