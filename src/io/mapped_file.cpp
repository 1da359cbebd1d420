#include "io/mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <string>
#include <utility>

#include "fulgurite/error.hpp"
#include "io/descriptor.hpp"
#include "io/text.hpp"

namespace fulgurite::io {
namespace {

[[noreturn]] void refuse(const std::filesystem::path& path, int error_number) {
  // Only these say that the machine, not the path, is at fault.
  const bool machine = error_number == EMFILE || error_number == ENFILE || error_number == ENOMEM ||
                       error_number == EIO;
  throw Error(machine ? ErrorKind::system : ErrorKind::input,
              printable(path.string()) + ": cannot be read: " + reason(error_number));
}

void expect_regular(const std::filesystem::path& path, const struct stat& status) {
  if (S_ISREG(status.st_mode)) return;
  throw Error(ErrorKind::input, printable(path.string()) + ": expected a regular file, found " +
                                    kind_of_file(status.st_mode));
}

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) {
  struct stat status{};
  // Before it is opened: opening a device can have effects.
  if (::stat(path.c_str(), &status) != 0) refuse(path, errno);
  expect_regular(path, status);
  // O_NONBLOCK: somebody may have put a FIFO there in the meantime.
  const Descriptor file = open_descriptor(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!file.is_open() || ::fstat(file.number(), &status) != 0) refuse(path, errno);
  expect_regular(path, status);
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size == 0) return;
  void* const address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.number(), 0);
  if (address == MAP_FAILED) {
    throw Error(ErrorKind::system,
                printable(path.string()) + ": cannot be mapped: " + reason(errno));
  }
  bytes_ = {static_cast<const std::byte*>(address), size};
}

MappedFile::MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

}  // namespace fulgurite::io
