#include "io/atomic_file.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>

#include <csignal>
#include <thread>

#include "files.hpp"
#include "io/descriptor.hpp"

namespace fulgurite::io {
namespace {

using test::bytes_of;
using test::read_text;

std::string refusal(const std::filesystem::path& path, std::string_view content = "new") {
  return test::error_text(ErrorKind::system, [&] {
    AtomicFile file(path);
    file.write(bytes_of(content));
    file.commit();
  });
}

mode_t mode_of(const std::filesystem::path& path) {
  struct stat status{};
  EXPECT_EQ(::stat(path.c_str(), &status), 0);
  return status.st_mode & 0777;
}

/// No file of this process can grow beyond this size while it lives.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &was_);
    const rlimit limit{bytes, was_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &was_);
    std::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  void (*handler_)(int);
  rlimit was_{};
};

TEST(AtomicFile, TheNameAppearsOnlyWhenTheFileIsComplete) {
  const test::TemporaryFolder folder;
  AtomicFile file(folder / "out");
  file.write(bytes_of("one "));
  file.write(bytes_of("two"));
  EXPECT_FALSE(std::filesystem::exists(folder / "out"));
  file.commit();
  EXPECT_EQ(read_text(folder / "out"), "one two");
  EXPECT_EQ(folder.files(), 1);
}

TEST(AtomicFile, AnOlderFileStaysUntilTheCommitAndIfThereIsNone) {
  const test::TemporaryFolder folder;
  test::write_text(folder / "out", "old");
  {
    AtomicFile file(folder / "out");
    file.write(bytes_of("new"));
    EXPECT_EQ(read_text(folder / "out"), "old");
  }
  EXPECT_EQ(read_text(folder / "out"), "old");
  EXPECT_EQ(folder.files(), 1);
  AtomicFile file(folder / "out");
  file.commit();
  EXPECT_EQ(read_text(folder / "out"), "");
}

TEST(AtomicFile, ANewFileObeysTheUmaskAndAReplacementKeepsThePermissions) {
  const test::TemporaryFolder folder;
  const mode_t mask = ::umask(027);
  AtomicFile(folder / "new").commit();
  ::umask(mask);
  EXPECT_EQ(mode_of(folder / "new"), 0640);
  ASSERT_EQ(::chmod((folder / "new").c_str(), 0604), 0);
  AtomicFile(folder / "new").commit();
  EXPECT_EQ(mode_of(folder / "new"), 0604);
}

TEST(AtomicFile, ALinkIsFollowed) {
  const test::TemporaryFolder folder;
  std::filesystem::create_directory(folder / "sub");
  test::write_text(folder / "sub/real", "old");
  std::filesystem::create_symlink("sub/real", folder / "link");
  AtomicFile file(folder / "link");
  file.write(bytes_of("new"));
  file.commit();
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "link"));
  EXPECT_EQ(read_text(folder / "sub/real"), "new");
}

TEST(AtomicFile, ALinkToAFileThatIsYetToComeIsFollowed) {
  const test::TemporaryFolder folder;
  std::filesystem::create_symlink("later", folder / "link");
  std::filesystem::create_symlink(folder / "link", folder / "link to link");
  AtomicFile file(folder / "link to link");
  file.write(bytes_of("new"));
  file.commit();
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "link to link"));
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "link"));
  EXPECT_EQ(read_text(folder / "later"), "new");
}

TEST(AtomicFile, APathThatCannotBeWrittenIsRefusedWithTheReason) {
  const test::TemporaryFolder folder;
  test::write_text(folder / "file", "x");
  ASSERT_EQ(::mkfifo((folder / "fifo").c_str(), 0600), 0);
  const auto expect = [&](const std::filesystem::path& path, std::string_view why) {
    EXPECT_EQ(refusal(path), path.string() + ": cannot be written: " + std::string(why));
  };
  expect(folder / "none/out", "No such file or directory");
  expect(folder / "none/", "No such file or directory");
  expect(folder / "file/out", "Not a directory");
  expect(folder.path(), "it is a directory");
  expect(folder / "fifo", "it is a FIFO");
  expect("/dev/full", "it is a character device");
  expect(folder / std::string(300, 'n'), "File name too long");
  expect("", "No such file or directory");
  EXPECT_THROW(AtomicFile(""), Error) << "before anything is written";
  EXPECT_EQ(folder.files(), 2);
}

TEST(AtomicFile, WithoutPermissionNothingIsWritten) {
  const test::TemporaryFolder folder;
  std::filesystem::create_directory(folder / "closed");
  test::write_text(folder / "kept", "old");
  ASSERT_EQ(::chmod((folder / "closed").c_str(), 0555), 0);
  ASSERT_EQ(::chmod((folder / "kept").c_str(), 0444), 0);
  ASSERT_EQ(::chmod(folder.path().c_str(), 0777), 0);
  const test::WithoutPrivileges scope;
  if (!scope.ready()) GTEST_SKIP() << "cannot drop privileges here";
  const std::string denied = ": cannot be written: Permission denied";
  EXPECT_EQ(refusal(folder / "closed/out"), (folder / "closed/out").string() + denied);
  EXPECT_EQ(refusal(folder / "kept"), (folder / "kept").string() + denied);
  EXPECT_EQ(read_text(folder / "kept"), "old");
  EXPECT_EQ(folder.files(), 2);
}

TEST(AtomicFile, AFileThatDoesNotFitLeavesNoTrace) {
  const test::TemporaryFolder folder;
  test::write_text(folder / "out", "old");
  for (const char* name : {"out", "other"}) {
    std::string text;
    {
      const FileSizeLimit limit(10'000);  // the first write is cut short, the next fails
      text = refusal(folder / name, std::string(20'000, 'x'));
    }
    EXPECT_EQ(text, (folder / name).string() + ": cannot be written: File too large");
  }
  EXPECT_EQ(read_text(folder / "out"), "old");
  EXPECT_EQ(folder.files(), 1);
}

TEST(AtomicFile, ThreadsThatWriteTheSameNameLeaveOneWholeFile) {
  const test::TemporaryFolder folder;
  const auto write = [&](char letter) {
    for (int repeat = 0; repeat < 50; ++repeat) {
      AtomicFile file(folder / "out");
      for (int part = 0; part < 10; ++part) file.write(bytes_of(std::string(100, letter)));
      file.commit();
    }
  };
  std::thread other(write, 'b');
  write('a');
  other.join();
  const std::string text = read_text(folder / "out");
  EXPECT_EQ(text, std::string(1000, text.at(0)));
  EXPECT_EQ(folder.files(), 1);
}

TEST(WriteAll, AFullDeviceIsAnError) {
  const Descriptor full = open_descriptor("/dev/full", O_WRONLY);
  ASSERT_TRUE(full.is_open());
  EXPECT_EQ(write_all(full.number(), bytes_of("x")), ENOSPC);
}

TEST(WriteAll, InterruptionsAndPartialWritesLoseNothing) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const Descriptor reader(ends[0]);
  Descriptor writer(ends[1]);
  static volatile std::sig_atomic_t alarms;
  alarms = 0;
  struct sigaction action{};  // without SA_RESTART: a blocked write returns EINTR or a part
  action.sa_handler = [](int) { alarms = alarms + 1; };
  struct sigaction was{};
  ::sigaction(SIGALRM, &action, &was);

  std::string text(3'000'000, '\0');
  for (std::size_t at = 0; at < text.size(); ++at) text[at] = static_cast<char>(at * at >> 7);
  std::string received;
  sigset_t alarm_only;
  sigemptyset(&alarm_only);
  sigaddset(&alarm_only, SIGALRM);
  ::pthread_sigmask(SIG_BLOCK, &alarm_only, nullptr);  // the reader inherits it
  std::thread slow_reader([&] {
    std::array<char, 50'000> buffer{};
    for (ssize_t got = 0; (got = ::read(reader.number(), buffer.data(), buffer.size())) > 0;) {
      received.append(buffer.data(), static_cast<std::size_t>(got));
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  ::pthread_sigmask(SIG_UNBLOCK, &alarm_only, nullptr);
  const itimerval often{{0, 500}, {0, 500}};
  ::setitimer(ITIMER_REAL, &often, nullptr);
  const int result = write_all(writer.number(), bytes_of(text));
  const itimerval never{};
  ::setitimer(ITIMER_REAL, &never, nullptr);
  writer.close();
  slow_reader.join();
  ::sigaction(SIGALRM, &was, nullptr);
  EXPECT_EQ(result, 0);
  EXPECT_GT(alarms, 0);
  EXPECT_TRUE(received == text);
}

}  // namespace
}  // namespace fulgurite::io
