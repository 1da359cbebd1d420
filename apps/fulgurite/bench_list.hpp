#pragma once

#include <cstdint>

#include "cpu/prune.hpp"
#include "cpu/workspace.hpp"

namespace fulgurite::app {

/// What a selection needs, taken once.
class SelectionMemory {
 public:
  SelectionMemory(std::int64_t rows, std::int64_t k, std::int64_t heads) : k_(k) {
    list_.ensure(capacity());
    bounds_.ensure("bounds", heads / 4 * cpu::kMostSampled);
    sums_.ensure("sums", core::round_up(rows, cpu::kSampleStep));
  }
  /// An empty list.
  [[nodiscard]] cpu::TopList list() { return list_.list(k_, capacity()); }
  [[nodiscard]] cpu::PruneMemory pruning() { return {bounds_.data(), sums_.data()}; }

 private:
  [[nodiscard]] std::int64_t capacity() const { return std::max<std::int64_t>(2048, 4 * k_); }

  std::int64_t k_;
  cpu::ListMemory list_;
  core::AlignedBuffer<float> bounds_;
  core::AlignedBuffer<float> sums_;
};

}  // namespace fulgurite::app
