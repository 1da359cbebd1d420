#include "progress_bar.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace fulgurite::app {
namespace {

double now = 0;
double test_clock() { return now; }

/// What a bar writes for tokens 10, 20, .. 100 of 100, a second apart.
std::string written(bool is_terminal, double seconds_apart) {
  std::FILE* const file = std::tmpfile();
  now = 100;
  {
    ProgressBar bar(file, is_terminal, test_clock);
    for (std::int64_t done = 10; done <= 100; done += 10) {
      now += seconds_apart;
      bar.show(done, 100);
    }
  }
  std::rewind(file);
  std::string text;
  std::array<char, 4096> buffer;
  while (const std::size_t count = std::fread(buffer.data(), 1, buffer.size(), file)) {
    text.append(buffer.data(), count);
  }
  std::fclose(file);
  return text;
}

TEST(ProgressBar, SaysHowFarALongRunIs) {
  EXPECT_EQ(progress_text(940, 4096, 3.6),
            "[#####---------------------] 23 %, 940 of 4,096 tokens, 13 s left");
  EXPECT_EQ(progress_text(1, 1, 3), "[##########################] 100 %, 1 of 1 token, 0 s left");
  EXPECT_EQ(progress_text(0, 9, 3), "[--------------------------] 0 %, 0 of 9 tokens, 0 s left");
}

TEST(ProgressBar, WritesOnlyToATerminalAndOnlyAfterTwoSeconds) {
  EXPECT_EQ(written(false, 1), "");
  EXPECT_EQ(written(true, 0.1), "");
  const std::string text = written(true, 1);
  EXPECT_EQ(text.find("10 of"), text.npos);
  EXPECT_NE(text.find("20 of 100 tokens, 8 s left"), text.npos) << text;
  EXPECT_TRUE(text.ends_with("\r\x1b[K")) << "the line is taken away";
}

TEST(ProgressBar, DoesNotFlicker) {
  const std::string text = written(true, 0.25);
  EXPECT_NE(text.find("100 of 100"), text.npos);
  const std::string fast = written(true, 0.24);
  EXPECT_NE(fast.find("90 of 100"), fast.npos);
}

}  // namespace
}  // namespace fulgurite::app
