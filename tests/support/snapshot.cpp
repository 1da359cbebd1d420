#include "support/snapshot.hpp"

#include <cstring>
#include <span>

#include "cpu/key_cache.hpp"
#include "cpu/step_access.hpp"

namespace fulgurite::testing {
namespace {

std::vector<std::byte> bytes_of(const void* data, std::int64_t bytes) {
  std::vector<std::byte> copy(static_cast<std::size_t>(bytes));
  if (bytes != 0) std::memcpy(copy.data(), data, copy.size());
  return copy;
}

template <class T>
std::vector<std::byte> bytes_of(std::span<const T> values) {
  return bytes_of(values.data(), static_cast<std::int64_t>(values.size_bytes()));
}

}  // namespace

Snapshot::Snapshot(const KeyCache& keys, const CompressorState& state, const Selection* picks)
    : kv(bytes_of(std::span<const float>(state.kv().flat()))),
      gate(bytes_of(std::span<const float>(state.gate().flat()))) {
  const KeyCache::Impl& cache = StepAccess::impl(keys);
  const KeyPages& memory = cache.memory;
  codes = bytes_of(memory.codes, memory.pages * memory.code_stride);
  if (memory.scales != nullptr) {
    scales = bytes_of(memory.scales, memory.pages * memory.scale_stride *
                                         static_cast<std::int64_t>(sizeof(float)));
  }
  tables = cache.own_table;
  rows = cache.own_rows;
  free = cache.free;
  users = cache.users;
  for (std::int64_t sequence = 0; sequence < state.sequences(); ++sequence) {
    lengths.push_back(state.length(sequence));
    oldest.push_back(StepAccess::oldest(state, sequence));
  }
  if (picks == nullptr) return;
  indices.assign(picks->indices().begin(), picks->indices().end());
  for (std::int64_t token = 0; token < picks->tokens(); ++token) {
    counts.push_back(static_cast<std::int64_t>(picks->rows(token).size()));
    const std::vector<std::byte> of_scores = bytes_of(picks->scores(token));
    const std::vector<std::byte> of_logits = bytes_of(picks->logits(token));
    scores.insert(scores.end(), of_scores.begin(), of_scores.end());
    logits.insert(logits.end(), of_logits.begin(), of_logits.end());
  }
}

}  // namespace fulgurite::testing
