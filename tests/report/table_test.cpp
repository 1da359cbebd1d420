#include "report/table.hpp"

#include <gtest/gtest.h>

namespace fulgurite::report {
namespace {

TEST(Table, ColumnsAlignAndNoLineEndsInBlanks) {
  Table table({{"stage"}, {"time", Align::right}, {"note"}});
  table.add({"query", "4.80 ms", "95 %"});
  table.add({"q", "17 s"});
  EXPECT_EQ(table.text(),
            "stage     time  note\n"
            "query  4.80 ms  95 %\n"
            "q         17 s\n");
}

TEST(Table, WithoutRowsThereAreTheTitles) {
  EXPECT_EQ(Table({{"a"}, {"b"}}).text(), "a  b\n");
  EXPECT_EQ(Table({{""}}).text(), "\n");
}

}  // namespace
}  // namespace fulgurite::report
