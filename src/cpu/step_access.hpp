#pragma once

#include <cstdint>
#include <vector>

#include "fulgurite/compressor_state.hpp"
#include "fulgurite/indexer.hpp"
#include "fulgurite/key_cache.hpp"
#include "fulgurite/selection.hpp"

namespace fulgurite {

/// The step's way into the public types.
struct StepAccess {
  static Indexer::Impl& impl(const Indexer& indexer) { return *indexer.impl_; }
  static KeyCache::Impl& impl(KeyCache& keys) { return *keys.impl_; }
  static const KeyCache::Impl& impl(const KeyCache& keys) { return *keys.impl_; }

  static void advance(CompressorState& state, std::int64_t sequence, std::int64_t tokens) {
    state.advance(sequence, tokens);
  }
  static std::int64_t oldest(const CompressorState& state, std::int64_t sequence) {
    return state.oldest_[static_cast<std::size_t>(sequence)];
  }
  static void set_length(CompressorState& state, std::int64_t sequence, std::int64_t length,
                         std::int64_t oldest) {
    state.set_length(sequence, length, oldest);
  }
  static TensorView<float, 3> kv(CompressorState& state) { return state.kv_; }
  static TensorView<float, 3> gate(CompressorState& state) { return state.gate_; }

  static std::int32_t* indices(Selection& picks, std::int64_t token) {
    return picks.indices_.data() + token * picks.width_;
  }
  static float* scores(Selection& picks, std::int64_t token) {
    return picks.has_scores_ ? picks.scores_.data() + token * picks.width_ : nullptr;
  }
  static float* logits(Selection& picks, std::int64_t token) {
    return picks.logit_rows_ != 0 ? picks.logits_.data() + token * picks.logit_rows_ : nullptr;
  }
  static void set_count(Selection& picks, std::int64_t token, std::int64_t count) {
    picks.counts_[static_cast<std::size_t>(token)] = count;
  }
};

}  // namespace fulgurite
