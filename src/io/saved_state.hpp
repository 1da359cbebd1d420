#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

// The file of saved sequences; what is in it is the platform's.

namespace fulgurite::io {

/// R sequences, their key rows one sequence after the other.
struct SavedState {
  std::string recipe;
  std::int64_t row_bytes = 0;         ///< of the codes of a row
  std::int64_t slots = 0;             ///< of the compressor state
  std::vector<std::int64_t> lengths;  ///< [R]: tokens of each
  std::vector<std::int64_t> oldest;   ///< [R]: the first token that is still in the state
  std::vector<std::int64_t> rows;     ///< [R]: key rows of each
  std::vector<std::uint8_t> codes;    ///< [all rows, row_bytes]
  std::vector<std::uint8_t> scales;   ///< [all rows, 4]
  std::vector<float> kv;              ///< [R, slots, 256]
  std::vector<float> gate;            ///< [R, slots, 256]
};

/// Atomically, with a checksum. Throws Error(system).
void write_saved_state(const std::filesystem::path& path, const SavedState& state);

/// Throws Error(input) "FILE: ..." for a file that is not one, is torn, or is of another version.
SavedState read_saved_state(const std::filesystem::path& path);

}  // namespace fulgurite::io
