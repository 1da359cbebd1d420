#include "fulgurite/sequences.hpp"

#include <algorithm>
#include <string>

#include "cpu/key_cache.hpp"
#include "cpu/step_access.hpp"
#include "fulgurite/error.hpp"

namespace fulgurite {
namespace {

[[noreturn]] void refuse(ErrorKind kind, std::int64_t sequence, const std::string& problem) {
  throw Error(kind, "sequence " + std::to_string(sequence) + ": " + problem);
}

/// The oldest token that a sequence of this length still needs: the first of its last closed
/// window.
std::int64_t oldest_needed(std::int64_t length) { return length / kRatio * kRatio - kRatio; }

}  // namespace

void rewind(KeyCache& keys, CompressorState& state, std::int64_t sequence, std::int64_t length) {
  KeyCache::Impl& cache = StepAccess::impl(keys);
  cache.check_sequence(sequence);
  const std::int64_t now = state.length(sequence);
  if (length < 0 || length > now) {
    refuse(ErrorKind::input, sequence,
           "rewind: expected a length of 0 to " + std::to_string(now) + ", found " +
               std::to_string(length));
  }
  const std::int64_t oldest = StepAccess::oldest(state, sequence);
  if (std::max<std::int64_t>(oldest_needed(length), 0) < oldest) {
    refuse(ErrorKind::unsupported, sequence,
           "rewind: expected at most " + std::to_string(state.rewind_depth()) +
               " tokens back, found " + std::to_string(now - length) +
               "; more slots in the compressor state reach further");
  }
  if (cache.owned()) cache.truncate(sequence, length / kRatio);
  StepAccess::set_length(state, sequence, length, oldest);
}

void fork(KeyCache& keys, CompressorState& state, std::int64_t from, std::int64_t to) {
  KeyCache::Impl& cache = StepAccess::impl(keys);
  cache.check_fork(from, to);
  const std::int64_t length = state.length(from);
  if (state.length(to) != 0) {
    refuse(
        ErrorKind::input, to,
        "fork: expected an empty sequence, found " + std::to_string(state.length(to)) + " tokens");
  }
  cache.fork(from, to);
  for (const auto& values : {StepAccess::kv(state), StepAccess::gate(state)}) {
    const auto source = values[from].flat();
    std::copy(source.begin(), source.end(), values[to].flat().begin());
  }
  StepAccess::set_length(state, to, length, StepAccess::oldest(state, from));
}

void release(KeyCache& keys, CompressorState& state, std::int64_t sequence) {
  KeyCache::Impl& cache = StepAccess::impl(keys);
  cache.check_sequence(sequence);
  static_cast<void>(state.length(sequence));  // checks the number
  if (cache.owned()) cache.truncate(sequence, 0);
  state.reset(sequence);
}

}  // namespace fulgurite
