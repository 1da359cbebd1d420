#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace fulgurite::io {

/// A regular file's bytes in memory: private, read-only, without a copy. The address stays the same
/// when the object is moved.
///
/// If another process cuts the file short while it is mapped, the kernel raises SIGBUS at the first
/// read beyond its end. Nothing here guards against that.
class MappedFile {
 public:
  MappedFile() = default;

  /// Throws Error(input) "PATH: ..." with the reason if the path does not exist, may not be read or
  /// is no regular file (a folder, a FIFO and a device are refused without being opened), and
  /// Error(system) if the machine cannot map it. An empty file is legal.
  explicit MappedFile(const std::filesystem::path& path);

  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::span<const std::byte> bytes_;
};

}  // namespace fulgurite::io
