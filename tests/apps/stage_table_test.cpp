#include "stage_table.hpp"

#include <gtest/gtest.h>

#include <array>

namespace fulgurite::app {
namespace {

constexpr Ceilings kCeilings{
    .int8_macs = 1000, .bf16_macs = 100, .fp32_adds = 50, .read_bytes = 10};

TEST(StageTable, AFloorIsTheLongerOfMultiplyAddsAndReads) {
  EXPECT_EQ(floor_of({.int8_macs = 500}, kCeilings).seconds, 0.5);
  EXPECT_EQ(floor_of({.int8_macs = 500}, kCeilings).bound, Bound::int8);
  EXPECT_EQ(floor_of({.int8_macs = 500, .bf16_macs = 100}, kCeilings).seconds, 1.5);
  EXPECT_EQ(floor_of({.int8_macs = 500, .bf16_macs = 100}, kCeilings).bound, Bound::bf16);
  EXPECT_EQ(floor_of({.int8_macs = 500, .bytes = 20}, kCeilings).seconds, 2);
  EXPECT_EQ(floor_of({.int8_macs = 500, .bytes = 20}, kCeilings).bound, Bound::reads);
}

TEST(StageTable, AStageWithoutMultiplyAddsHasNoFloor) {
  EXPECT_EQ(floor_of({.bytes = 1000}, kCeilings).seconds, 0);
  EXPECT_EQ(floor_of({.bytes = 1000}, kCeilings).bound, Bound::none);
}

TEST(StageTable, EachTimeIsTheMedianOfItsOwn) {
  std::array<StepReport, 3> runs;
  for (int run = 0; run < 3; ++run) {
    runs[static_cast<std::size_t>(run)].seconds =
        std::array{5., 1., 9.}[static_cast<std::size_t>(run)];
    runs[static_cast<std::size_t>(run)].stages[1].seconds = run;
    runs[static_cast<std::size_t>(run)].stages[1].int8_macs = 42;
  }
  const StepReport report = median(runs);
  EXPECT_EQ(report.seconds, 5);
  EXPECT_EQ(report.stages[1].seconds, 1);
  EXPECT_EQ(report.stages[1].int8_macs, 42);
}

TEST(StageTable, ShowsRatesAndSharesOfWhatBinds) {
  StepReport report;
  report.seconds = 4;
  report.stages[0] = {.seconds = 2, .int8_macs = 1000, .bytes = 1};
  report.stages[1] = {.seconds = 1, .bf16_macs = 10, .bytes = 8};
  report.stages[2] = {.seconds = 0.5, .fp32_adds = 10};
  EXPECT_EQ(stage_table(report, kCeilings),
            "stage        time       work        rate  of the ceiling\n"
            "query      2.00 s  1.00 kMAC   500 MAC/s  50 % of int8 multiply-adds\n"
            "project    1.00 s     8.00 B    8.00 B/s  80 % of reads\n"
            "quantize   500 ms   10.0 add  20.0 add/s  40 % of fp32 additions\n"
            "compress  0.00 ns\n"
            "select    0.00 ns\n"
            "step       4.00 s                         50 % of the sum of floors\n");
  EXPECT_EQ(share_of_floors(report, kCeilings), 0.5);
}

}  // namespace
}  // namespace fulgurite::app
