#include "io/atomic_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <system_error>

#include "fulgurite/error.hpp"
#include "io/text.hpp"

namespace fulgurite::io {
namespace {

constexpr mode_t kPermissions = 0777;

std::filesystem::path folder_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

/// 0, or the errno. Some file systems cannot sync and say EINVAL.
int sync(int descriptor) {
  while (::fsync(descriptor) != 0) {
    if (errno == EINTR) continue;
    return errno == EINVAL ? 0 : errno;
  }
  return 0;
}

/// So that the new name survives a power cut. The file is in place already: a failure changes
/// nothing that the caller could mend.
void sync_folder(const std::filesystem::path& folder) {
  const Descriptor directory = open_descriptor(folder.c_str(), O_RDONLY | O_DIRECTORY);
  if (directory.is_open()) static_cast<void>(sync(directory.number()));
}

/// Where a chain of links ends, whether there is a file yet or not. A loop of links is left for
/// stat to name.
std::filesystem::path follow_links(std::filesystem::path path) {
  constexpr int kMostLinks = 40;  // as many as the kernel follows
  std::error_code error;
  for (int link = 0; link < kMostLinks && std::filesystem::is_symlink(path, error); ++link) {
    const std::filesystem::path next = std::filesystem::read_symlink(path, error);
    if (error) break;
    path = path.parent_path() / next;
  }
  return path;
}

}  // namespace

AtomicFile::AtomicFile(const std::filesystem::path& target) : target_(follow_links(target)) {
  struct stat status{};
  if (::stat(target_.c_str(), &status) != 0) {
    // With no name after the folder, only the renaming would fail.
    if (errno != ENOENT || !target_.has_filename()) check(errno);
    create_temporary(0666);  // less the umask
    return;
  }
  if (!S_ISREG(status.st_mode)) fail("it is " + kind_of_file(status.st_mode));
  // Renaming needs no permission of the file that is replaced; writing to it would.
  if (::faccessat(AT_FDCWD, target_.c_str(), W_OK, AT_EACCESS) != 0) check(errno);
  create_temporary(0600);
  // Some file systems have no permissions to set.
  static_cast<void>(::fchmod(file_.number(), status.st_mode & kPermissions));
}

void AtomicFile::create_temporary(mode_t mode) {
  static std::atomic<unsigned> serial{0};
  do {
    temporary_ = folder_of(target_) / (".fulgurite-" + std::to_string(::getpid()) + "-" +
                                       std::to_string(serial++) + ".tmp");
    file_ = open_descriptor(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL, mode);
  } while (!file_.is_open() && errno == EEXIST);  // left over from a killed process
  if (file_.is_open()) return;
  const int error_number = errno;
  temporary_.clear();
  check(error_number);
}

AtomicFile::~AtomicFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  check(write_all(file_.number(), bytes));
}

void AtomicFile::commit() {
  check(sync(file_.number()));
  check(file_.close());
  const std::filesystem::path folder = folder_of(target_);  // once renamed, nothing may fail
  if (std::rename(temporary_.c_str(), target_.c_str()) != 0) check(errno);
  temporary_.clear();
  sync_folder(folder);
}

void AtomicFile::check(int error_number) const {
  if (error_number != 0) fail(reason(error_number));
}

void AtomicFile::fail(const std::string& why) const {
  throw Error(ErrorKind::system, printable(target_.string()) + ": cannot be written: " + why);
}

}  // namespace fulgurite::io
