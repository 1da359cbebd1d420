#include "study/settings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fulgurite::study {
namespace {

using testing::Contains;
using testing::Not;

std::vector<std::string> names(const npu::Chip& chip) {
  std::vector<std::string> result;
  for (const Setting& setting : settings(chip)) result.push_back(setting.name);
  return result;
}

TEST(StudySettings, BeginWithTheChipAsGiven) {
  npu::Chip chip;
  chip.orchestrator_us = 2;
  const std::vector<Setting> all = settings(chip);
  EXPECT_EQ(all.front().name, "as given");
  EXPECT_EQ(all.front().chip.orchestrator_us, 2);
}

TEST(StudySettings, GoToBothEndsOfEachRange) {
  const auto found = names(npu::Chip());
  for (const char* name : {"orchestrator_us=1.3", "dispatch_us=0.14", "dispatch_us=1",
                           "completion_us=0.18", "start_us=2", "gm_start_cycles=50", "ring_slots=2",
                           "mad_head_cycles=6", "clock_mhz=1500"}) {
    EXPECT_THAT(found, Contains(name));
  }
  // The default is an end of its range; a budget changes no time.
  EXPECT_THAT(found, Not(Contains("orchestrator_us=0.87")));
  EXPECT_THAT(found, Not(Contains("vec_bytes=188416")));
}

TEST(StudySettings, HoldWhatWasGiven) {
  npu::Chip chip;
  chip.dispatch_us = 0.5;
  for (const Setting& setting : settings(chip)) EXPECT_EQ(setting.chip.dispatch_us, 0.5);
  EXPECT_THAT(names(chip), Not(Contains("dispatch_us=1")));
}

TEST(StudySettings, EndWithCornersOfTheRuntime) {
  const std::vector<Setting> all = settings(npu::Chip());
  const Setting& last = all.back();
  EXPECT_EQ(last.name, "cheap orchestrator, dear schedulers");
  EXPECT_EQ(last.chip.orchestrator_us, 0.87);
  EXPECT_EQ(last.chip.dispatch_us, 1);
  EXPECT_EQ(last.chip.completion_us, 1);
  EXPECT_EQ(last.chip.start_us, 2);
}

}  // namespace
}  // namespace fulgurite::study
