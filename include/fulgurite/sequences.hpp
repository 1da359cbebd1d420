#pragma once

#include <cstdint>

#include "fulgurite/compressor_state.hpp"
#include "fulgurite/export.hpp"
#include "fulgurite/key_cache.hpp"

// What happens to a sequence between steps, to its keys and its state at once. An error leaves both
// as they were.

namespace fulgurite {

/// Takes the sequence back to its first `length` tokens, as if the others had never come: drafts
/// that were rejected. Up to `state.rewind_depth()` tokens can always be taken back, counted from
/// the greatest length that the sequence has had, also across closed windows; more is
/// Error(unsupported) unless the state happens to hold enough. Own pages behind the rows that stay
/// are given back. Throws Error(input) for a length beyond the sequence's, or if no page is free
/// where a part of a page that a fork shares must be copied.
FULGURITE_API void rewind(KeyCache& keys, CompressorState& state, std::int64_t sequence,
                          std::int64_t length);

/// Sequence `to`, which must be empty in both, becomes a copy of `from`. Full pages are shared
/// until a rewind cuts into them; own memory only. Throws Error(input) if there is no free page for
/// the rows that fill none.
FULGURITE_API void fork(KeyCache& keys, CompressorState& state, std::int64_t from, std::int64_t to);

/// The sequence is over: its pages are given back, and its number is empty again.
FULGURITE_API void release(KeyCache& keys, CompressorState& state, std::int64_t sequence);

}  // namespace fulgurite
