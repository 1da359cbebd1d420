#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "fulgurite/fulgurite.hpp"

namespace fulgurite::testing {

/// Everything that a failed call must not change: of a cache its pages, tables and rows, bytes that
/// nobody has written included; of a state all slots and lengths; of a selection every place.
struct Snapshot {
  Snapshot(const KeyCache& keys, const CompressorState& state, const Selection* picks = nullptr);

  std::vector<std::byte> codes, scales, kv, gate, scores, logits;
  std::vector<std::vector<std::int32_t>> tables;
  std::vector<std::int64_t> rows, lengths, oldest, counts;
  std::vector<std::int32_t> free, users, indices;

  friend bool operator==(const Snapshot&, const Snapshot&) = default;
};

}  // namespace fulgurite::testing
