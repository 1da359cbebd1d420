#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

#include "io/descriptor.hpp"

namespace fulgurite::io {

/// A file that appears under its name only when it is complete. It is written under a temporary
/// name in the same folder; `commit` moves it into place. Until then, and after every error, a file
/// that had that name is what it was. The destructor removes an uncommitted temporary; a process
/// that is killed (SIGXFSZ, unless ignored, kills too) leaves it behind as ".fulgurite-PID-N.tmp".
///
/// Every error is Error(system) "PATH: cannot be written: REASON".
class AtomicFile {
 public:
  /// Refuses a target that exists and is not a regular file, or may not be written. A link is
  /// followed. A file that replaces another takes over its permissions.
  explicit AtomicFile(const std::filesystem::path& target);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::byte> bytes);

  /// Flushes to the disk and renames; once, as the last call.
  void commit();

 private:
  void create_temporary(mode_t mode);
  void check(int error_number) const;
  [[noreturn]] void fail(const std::string& why) const;

  std::filesystem::path target_;
  std::filesystem::path temporary_;  ///< empty: there is none
  Descriptor file_;
};

}  // namespace fulgurite::io
