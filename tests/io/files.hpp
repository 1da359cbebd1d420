#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fulgurite/error.hpp"

namespace fulgurite::io::test {

/// A folder of one test's own, removed with it.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "fulgurite-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::filesystem::path operator/(std::string_view name) const {
    return path_ / name;
  }
  [[nodiscard]] std::size_t files() const {
    using Iterator = std::filesystem::directory_iterator;
    return static_cast<std::size_t>(std::distance(Iterator(path_), Iterator()));
  }

 private:
  std::filesystem::path path_;
};

/// While it lives, file permissions hold for the superuser, too.
class WithoutPrivileges {
 public:
  WithoutPrivileges() : was_(::geteuid()) {
    if (was_ == 0) ready_ = ::seteuid(65534) == 0;
  }
  ~WithoutPrivileges() {
    if (was_ == 0 && ready_) ready_ = ::seteuid(0) == 0;
  }
  WithoutPrivileges(const WithoutPrivileges&) = delete;
  WithoutPrivileges& operator=(const WithoutPrivileges&) = delete;
  [[nodiscard]] bool ready() const { return ready_; }

 private:
  uid_t was_;
  bool ready_ = true;
};

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void write_text(const std::filesystem::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

/// A safetensors file's bytes: the header, its length before it, the data after it.
inline std::string framed(std::string_view header, std::string_view data = "") {
  std::string text;
  for (unsigned byte = 0; byte < 8; ++byte) {
    text += static_cast<char>(header.size() >> (8 * byte) & 0xff);
  }
  text += header;
  text += data;
  return text;
}

/// Runs it and returns the text of the Error it must throw, of that kind and on one line.
template <class Action>
std::string error_text(ErrorKind kind, Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    const std::string text = error.what();
    EXPECT_EQ(text.find('\n'), text.npos);
    return text;
  }
  ADD_FAILURE() << "no error";
  return "";
}

}  // namespace fulgurite::io::test
