#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "io/safetensors.hpp"

namespace fulgurite::io {

/// Writes a safetensors file atomically (see AtomicFile). The header has the tensors in the order
/// given; the data are in the order of falling element size, so that every element is aligned. The
/// same arguments give the same bytes.
///
/// Throws Error(usage) "PATH: ..." if the file would not be one: two tensors of one name, the name
/// __metadata__, text that is not UTF-8, bytes that do not fit dtype and shape, a header beyond the
/// format's cap; Error(system) "PATH: cannot be written: REASON" if the machine refuses. No error
/// leaves a trace: a file of that name stays as it was.
void write_safetensors(const std::filesystem::path& path, std::span<const Tensor> tensors,
                       const Metadata& metadata = {});

/// What goes before the data: the header's length, and the header, padded with spaces to a multiple
/// of 8 bytes. `file` is PATH in errors.
std::string safetensors_preamble(const std::string& file, std::span<const Tensor> tensors,
                                 const Metadata& metadata);

/// The order of the tensors' data: indices into `tensors`.
std::vector<std::size_t> data_order(std::span<const Tensor> tensors);

}  // namespace fulgurite::io
