#pragma once

#include <sys/types.h>

#include <cstddef>
#include <span>
#include <string>
#include <utility>

namespace fulgurite::io {

/// An open file descriptor, or none (-1).
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(); }

  [[nodiscard]] int number() const { return number_; }
  [[nodiscard]] bool is_open() const { return number_ >= 0; }

  /// 0, or the errno of what went wrong: delayed write errors show up here.
  int close();

 private:
  int number_ = -1;
};

/// open(2), again after an interruption. With no descriptor, errno has the reason.
Descriptor open_descriptor(const char* path, int flags, mode_t mode = 0);

/// Writes all of the bytes, over interruptions and partial writes. 0, or the errno.
int write_all(int descriptor, std::span<const std::byte> bytes);

/// "a directory", "a FIFO", ... of the st_mode of anything but a regular file.
std::string kind_of_file(mode_t mode);

}  // namespace fulgurite::io
