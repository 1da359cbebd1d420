#include "io/mapped_file.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <memory>
#include <utility>

#include "files.hpp"
#include "io/descriptor.hpp"
#include "io/safetensors.hpp"

namespace fulgurite::io {
namespace {

std::string mapping_refusal(const std::filesystem::path& path) {
  return test::error_text(ErrorKind::input, [&] { SafetensorsFile::open(path); });
}

TEST(MappedFile, BytesAreTheFilesAndStayWhenTheObjectMoves) {
  const test::TemporaryFolder folder;
  test::write_text(folder / "a", "hello");
  auto first = std::make_unique<MappedFile>(folder / "a");
  const std::byte* const address = first->bytes().data();
  auto second = std::make_unique<MappedFile>(std::move(*first));
  first.reset();  // must not unmap what it no longer owns
  MappedFile third;
  third = std::move(*second);
  second.reset();
  EXPECT_EQ(third.bytes().data(), address);
  EXPECT_EQ(third.bytes().size(), 5);
  EXPECT_EQ(static_cast<char>(third.bytes()[4]), 'o');
}

TEST(MappedFile, AnEmptyFileHasNoBytesAndIsNoSafetensorsFile) {
  const test::TemporaryFolder folder;
  test::write_text(folder / "e", "");
  EXPECT_TRUE(MappedFile(folder / "e").bytes().empty());
  EXPECT_EQ(mapping_refusal(folder / "e"),
            (folder / "e").string() +
                ": expected the 8 bytes of a header length, found a file "
                "of 0 bytes");
}

TEST(MappedFile, APathThatCannotBeReadIsRefusedWithTheReason) {
  const test::TemporaryFolder folder;
  test::write_text(folder / "file", "x");
  const auto expected = [&](std::string_view name, std::string_view why) {
    return (folder / name).string() + ": cannot be read: " + std::string(why);
  };
  EXPECT_EQ(mapping_refusal(folder / "none"), expected("none", "No such file or directory"));
  EXPECT_EQ(mapping_refusal(folder / "file/x"), expected("file/x", "Not a directory"));
  EXPECT_EQ(mapping_refusal(""), ": cannot be read: No such file or directory");
  const std::string long_name(300, 'n');
  EXPECT_EQ(mapping_refusal(folder / long_name), expected(long_name, "File name too long"));
  std::filesystem::create_symlink("loop", folder / "loop");
  EXPECT_EQ(mapping_refusal(folder / "loop"),
            expected("loop", "Too many levels of symbolic links"));
}

TEST(MappedFile, AFileWithoutPermissionIsRefused) {
  const test::TemporaryFolder folder;
  test::write_text(folder / "secret", "x");
  std::filesystem::permissions(folder.path(), std::filesystem::perms::all);
  std::filesystem::permissions(folder / "secret", std::filesystem::perms::none);
  const test::WithoutPrivileges scope;
  if (!scope.ready()) GTEST_SKIP() << "cannot drop privileges here";
  EXPECT_EQ(mapping_refusal(folder / "secret"),
            (folder / "secret").string() + ": cannot be read: Permission denied");
}

TEST(MappedFile, WhatIsNoRegularFileIsRefusedWithoutWaiting) {
  const test::TemporaryFolder folder;
  ASSERT_EQ(::mkfifo((folder / "fifo").c_str(), 0600), 0);
  const Descriptor listener(::socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  (folder / "socket").string().copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(::bind(listener.number(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
            0);
  const auto kind = [&](const std::filesystem::path& path, std::string_view found) {
    EXPECT_EQ(mapping_refusal(path),
              path.string() + ": expected a regular file, found " + std::string(found));
  };
  kind(folder.path(), "a directory");
  kind(folder / "fifo", "a FIFO");
  kind(folder / "socket", "a socket");
  kind("/dev/null", "a character device");
  kind("/dev/zero", "a character device");
}

TEST(MappedFile, APathIsNamedOnOneLine) {
  EXPECT_EQ(mapping_refusal("no\nsuch\x1b"),
            R"(no\x0asuch\x1b: cannot be read: No such file or directory)");
}

}  // namespace
}  // namespace fulgurite::io
