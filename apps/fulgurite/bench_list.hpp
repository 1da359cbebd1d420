#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "core/aligned_buffer.hpp"
#include "cpu/prune.hpp"
#include "cpu/select.hpp"
#include "fulgurite/model.hpp"

namespace fulgurite::app {

/// What a selection needs, taken once.
class SelectionMemory {
 public:
  SelectionMemory(std::int64_t rows, std::int64_t k, std::int64_t heads) : k_(k) {
    scores_.ensure("candidate scores", capacity() + cpu::kListSlack);
    rows_.ensure("candidate rows", capacity() + cpu::kListSlack);
    scratch_.ensure("selection", cpu::list_scratch_bytes(capacity()));
    bounds_.ensure("bounds", heads / 4 * cpu::kMostSampled);
    sums_.ensure("sums", core::round_up(rows, cpu::kSampleStep));
  }
  /// An empty list.
  [[nodiscard]] cpu::TopList list() {
    return {.k = k_,
            .capacity = capacity(),
            .count = 0,
            .scores = scores_.data(),
            .rows = rows_.data(),
            .scratch = scratch_.data(),
            .threshold = 0,
            .closed = false,
            .met_nan = false};
  }
  [[nodiscard]] cpu::PruneMemory pruning() { return {bounds_.data(), sums_.data()}; }

 private:
  [[nodiscard]] std::int64_t capacity() const { return std::max<std::int64_t>(2048, 4 * k_); }

  std::int64_t k_;
  core::AlignedBuffer<float> scores_;
  core::AlignedBuffer<std::uint32_t> rows_;
  core::AlignedBuffer<std::byte> scratch_;
  core::AlignedBuffer<float> bounds_;
  core::AlignedBuffer<float> sums_;
};

}  // namespace fulgurite::app
