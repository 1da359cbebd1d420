#pragma once

#include <cstdint>
#include <vector>

#include "fulgurite/model.hpp"
#include "indexer/seed_contract.hpp"

namespace fulgurite::app {

/// What the demo's step is like.
struct DemoSize {
  ModelShape shape = {};
  std::int64_t sequences = 0;    ///< B, at least 1
  std::int64_t tokens_each = 0;  ///< S, at least 1
  std::int64_t start_pos = 0;

  [[nodiscard]] std::int64_t visible_rows() const { return (start_pos + tokens_each) / kRatio; }
  /// Rough memory of the data, the step and its check against the reference.
  [[nodiscard]] double needed_bytes() const;
};

/// A step's input of random signed numbers, normally distributed but for the tails, which end at
/// 3.5 standard deviations. The same size and seed give the same bits everywhere.
class DemoData {
 public:
  DemoData(const DemoSize& size, std::uint64_t seed);

  /// Views of this object's memory.
  [[nodiscard]] SeedInput input() const { return part(0, size_.sequences); }
  /// The same for sequences first .. first + count - 1 only.
  [[nodiscard]] SeedInput part(std::int64_t first, std::int64_t count) const;

 private:
  DemoSize size_;
  std::int64_t rows_;  ///< L
  std::vector<Bf16> x_;
  std::vector<std::int8_t> qr_;
  std::vector<float> qr_scale_;
  std::vector<std::int8_t> wq_b_;
  std::vector<float> wq_b_scale_;
  std::vector<Bf16> weights_proj_;
  std::vector<float> cos_;
  std::vector<float> sin_;
  std::vector<Bf16> hadamard_;
  std::vector<float> kv_state_;
  std::vector<float> gate_state_;
  std::vector<Bf16> wkv_;
  std::vector<Bf16> wgate_;
  std::vector<float> ape_;
  std::vector<float> norm_;
  std::vector<Bf16> cache_;
};

}  // namespace fulgurite::app
