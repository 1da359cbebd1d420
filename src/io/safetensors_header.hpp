#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/safetensors_dtype.hpp"

namespace fulgurite::io {

/// Free text about a file, by key.
using Metadata = std::map<std::string, std::string, std::less<>>;

/// The format's own cap on a header.
inline constexpr std::uint64_t kMostHeaderBytes = 100'000'000;
/// Before the header: its length, little-endian.
inline constexpr std::size_t kLengthBytes = 8;
/// A shape of more dimensions is refused; NumPy and PyTorch can hold no more either.
inline constexpr std::size_t kMostDimensions = 64;
/// The key of the metadata; no tensor can have this name.
inline constexpr std::string_view kMetadataKey = "__metadata__";

/// What the header says of one tensor. Offsets count from the end of the header.
struct HeaderEntry {
  std::string name;
  Dtype dtype = Dtype::u8;
  std::vector<std::int64_t> shape;
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

struct SafetensorsHeader {
  std::vector<HeaderEntry> tensors;  ///< in the order of the header
  Metadata metadata;
  std::size_t data_start = 0;  ///< of the buffer that the offsets count from, within the file
};

/// Reads and checks the header of a whole file's bytes. Afterwards the tensors' bytes tile the rest
/// of the file without gap or overlap, each as long as its dtype and shape say, and names differ.
/// Throws Error(input) "FILE: ...", or "FILE: tensor 'NAME': ...", of one line otherwise.
SafetensorsHeader parse_header(std::string_view file, std::span<const std::byte> bytes);

/// The part that is JSON, without the checks of sizes and offsets against each other and the file:
/// an object of objects with exactly the fields dtype, shape and data_offsets, and the metadata.
/// No key may come twice in one object.
SafetensorsHeader parse_header_json(std::string_view file, std::string_view json);

}  // namespace fulgurite::io
