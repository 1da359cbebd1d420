#include "io/text.hpp"

#include <gtest/gtest.h>

#include <cstdint>

namespace fulgurite::io {
namespace {

/// The encoding of a code point in the given number of bytes, overlong ones and surrogates too.
std::string encoded(std::uint32_t point, unsigned bytes) {
  if (bytes == 1) return {static_cast<char>(point)};
  std::string text;
  for (unsigned left = bytes; left-- > 0;) {
    const std::uint32_t bits = point >> (6 * left) & 0x3f;
    const std::uint32_t lead = (0xf00U >> bytes & 0xff) | bits;
    text += static_cast<char>(left + 1 == bytes ? lead : 0x80 | bits);
  }
  return text;
}

TEST(Text, ExactlyTheShortestEncodingsOfScalarValuesAreUtf8) {
  for (std::uint32_t point = 0; point <= 0x1fffff; ++point) {
    const unsigned shortest = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    const bool scalar = point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
    for (unsigned bytes = shortest; bytes <= 4; ++bytes) {
      const bool valid = scalar && bytes == shortest;
      ASSERT_EQ(find_invalid_utf8(encoded(point, bytes)), valid ? std::string::npos : 0)
          << point << " in " << bytes;
    }
  }
}

TEST(Text, ASequenceThatBreaksOffIsNotUtf8) {
  for (const std::uint32_t point : {0xe9U, 0x20acU, 0x1f600U}) {
    const unsigned bytes = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    const std::string whole = encoded(point, bytes);
    for (std::size_t cut = 1; cut < bytes; ++cut) {
      EXPECT_EQ(find_invalid_utf8("ab" + whole.substr(0, cut)), 2);
      EXPECT_EQ(find_invalid_utf8(whole.substr(0, cut) + "ab"), 0);
    }
    EXPECT_EQ(find_invalid_utf8(whole.substr(1)), 0);
  }
}

TEST(Text, ControlCharactersBecomeVisible) {
  EXPECT_EQ(printable("a\nb\x7f\x1b[0m"), R"(a\x0ab\x7f\x1b[0m)");
  EXPECT_EQ(printable("\u0085"), R"(\xc2\x85)");
  EXPECT_EQ(printable("a\xff\xc3"), R"(a\xff\xc3)");
  EXPECT_EQ(printable("caf\u00e9 \u65e5\u672c"), "caf\u00e9 \u65e5\u672c");
}

TEST(Text, LongNamesAreCutBetweenCharacters) {
  EXPECT_EQ(in_quotes(std::string(100, 'x')), "'" + std::string(100, 'x') + "'");
  EXPECT_EQ(in_quotes(std::string(101, 'x')), "'" + std::string(100, 'x') + "...'");
  for (std::size_t before = 96; before < 104; ++before) {
    std::string text(before, 'x');
    for (int repeat = 0; repeat < 3; ++repeat) text += "\U0001f600";
    EXPECT_EQ(find_invalid_utf8(in_quotes(text)), std::string::npos);
  }
}

}  // namespace
}  // namespace fulgurite::io
