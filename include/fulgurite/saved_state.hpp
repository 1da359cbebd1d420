#pragma once

#include <string>

#include "fulgurite/compressor_state.hpp"
#include "fulgurite/export.hpp"
#include "fulgurite/key_cache.hpp"

// Sequences on disk, so that a prompt's keys survive a restart.

namespace fulgurite {

/// Writes all sequences: their key rows as they are stored, their compressor states, their lengths.
/// A safetensors file with the format's version, the recipe and a checksum. It appears under its
/// name only when it is complete. `keys` must have its own memory and as many sequences as `state`;
/// else Error(usage). Throws Error(system) if the file cannot be written, and then a file of that
/// name is as it was.
FULGURITE_API void save_state(const std::string& path, const KeyCache& keys,
                              const CompressorState& state);

/// Reads them back into a cache and a state without tokens, of any page size, that have as many
/// sequences and slots as those that were saved. Throws Error(input) "FILE: ..." if the file is
/// torn, foreign, of another version, or of a recipe whose rows are made otherwise, if it does not
/// fit, or if there are too few pages; then both are as they were.
FULGURITE_API void load_state(const std::string& path, KeyCache& keys, CompressorState& state);

}  // namespace fulgurite
