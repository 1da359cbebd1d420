#include "report/text.hpp"

#include <gtest/gtest.h>

#include <array>
#include <limits>

namespace fulgurite::report {
namespace {

TEST(Text, ThousandsAreSetApart) {
  EXPECT_EQ(thousands(0), "0");
  EXPECT_EQ(thousands(999), "999");
  EXPECT_EQ(thousands(1000), "1,000");
  EXPECT_EQ(thousands(-1000), "-1,000");
  EXPECT_EQ(thousands(-999), "-999");
  EXPECT_EQ(thousands(123456789), "123,456,789");
  EXPECT_EQ(thousands(std::numeric_limits<std::int64_t>::min()), "-9,223,372,036,854,775,808");
}

TEST(Text, NounsHaveTheirPlural) {
  EXPECT_EQ(count_of(0, "row"), "0 rows");
  EXPECT_EQ(count_of(1, "row"), "1 row");
  EXPECT_EQ(count_of(2047, "row"), "2,047 rows");
}

TEST(Text, NumbersHaveThreeDigitsAndTheUnitThatFits) {
  EXPECT_EQ(duration(0), "0.00 ns");
  EXPECT_EQ(duration(4.8e-3), "4.80 ms");
  EXPECT_EQ(duration(17.64e-3), "17.6 ms");
  EXPECT_EQ(duration(999.6e-6), "1.00 ms");
  EXPECT_EQ(duration(99.96e-6), "100 us");
  EXPECT_EQ(duration(1234), "1234 s");
  EXPECT_EQ(macs(1.0737e9), "1.07 GMAC");
  EXPECT_EQ(macs(512), "512 MAC");
  EXPECT_EQ(bytes(8.39e6), "8.39 MB");
  EXPECT_EQ(percent(0.946), "95 %");
}

TEST(Text, MemoriesOfAChipAreInKibibytes) {
  EXPECT_EQ(kibibytes(0), "0.0 KiB");
  EXPECT_EQ(kibibytes(196608), "192.0 KiB");
  EXPECT_EQ(kibibytes(76416), "74.6 KiB");
}

TEST(Text, LinesAreWrappedBetweenWords) {
  EXPECT_EQ(wrapped("", 10), "");
  EXPECT_EQ(wrapped("one two three", 7), "one two\nthree\n");
  EXPECT_EQ(wrapped("one two three", 9, 2), "  one two\n  three\n");
  EXPECT_EQ(wrapped("one  incomprehensible two", 5, 1), " one\n incomprehensible\n two\n");
}

TEST(Text, ShapesAreInBrackets) {
  EXPECT_EQ(shape_text({}), "[]");
  EXPECT_EQ(shape_text(std::array<std::int64_t, 3>{2, 256, 128}), "[2,256,128]");
}

}  // namespace
}  // namespace fulgurite::report
