#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "indexer/seed_contract.hpp"
#include "io/safetensors.hpp"

namespace fulgurite::io {

/// The input of one step in the seed's dense form, read from a safetensors file: the tensors that
/// SeedInput names, `start_pos`, `offset` (I32) and `inner_rotate` (BOOL) of shape [], and `topk`
/// in the header's metadata, 512 if it is absent. Other tensors and metadata are ignored.
class SeedFile {
 public:
  /// Maps and checks the file; tensors that lie misaligned in it are copied. Throws Error(input or
  /// unsupported) "FILE: TENSOR: expected .., found .." if a tensor is missing or does not fit, or
  /// if a value is not finite that must be; what SeedInput::validate refuses is refused here.
  static SeedFile open(const std::filesystem::path& path);

  /// Its views live as long as this object, wherever that is moved to.
  [[nodiscard]] const SeedInput& input() const { return input_; }

 private:
  explicit SeedFile(SafetensorsFile file) : file_(std::move(file)) {}

  SafetensorsFile file_;
  std::vector<std::shared_ptr<const void>> data_;  ///< what input_ views
  SeedInput input_;
};

/// Writes the six tensors of the step's output, in the order of SeedOutput, atomically; equal
/// outputs give equal bytes. Throws Error(system) if the machine refuses, and then a file of that
/// name is as it was. `path` may be the file that the input is mapped from.
void write_seed_output(const std::filesystem::path& path, const SeedInput& input,
                       const SeedOutput& output);

}  // namespace fulgurite::io
