#include "npu/chip.hpp"

#include <gtest/gtest.h>

#include <set>

#include "fulgurite/error.hpp"

namespace fulgurite::npu {
namespace {

TEST(NpuChip, EveryConstantHasASourceAndARangeAroundItsValue) {
  const Chip chip;
  std::set<std::string_view> names;
  for (const Constant& constant : constants()) {
    EXPECT_TRUE(names.insert(constant.name).second) << constant.name;
    EXPECT_FALSE(constant.source.empty()) << constant.name;
    EXPECT_LE(constant.low, chip.*constant.member) << constant.name;
    EXPECT_GE(constant.high, chip.*constant.member) << constant.name;
  }
  EXPECT_EQ(names.size() * sizeof(double), sizeof(Chip)) << "a constant is not in the table";
}

TEST(NpuChip, SetChangesOneConstant) {
  Chip chip;
  set(chip, "orchestrator_us=1.25");
  EXPECT_EQ(chip.orchestrator_us, 1.25);
  EXPECT_EQ(chip.dispatch_us, Chip().dispatch_us);
  set(chip, "start_us=0");
  EXPECT_EQ(chip.start_us, 0);
}

TEST(NpuChip, SetRefusesWhatTheModelCannotWorkWith) {
  Chip chip;
  for (const char* text : {"orchestrator_us", "no_such=1", "vec_bytes=0", "vec_bytes=-1",
                           "vec_bytes=", "vec_bytes=1x", "vec_bytes=nan", "vec_bytes=inf"}) {
    EXPECT_THROW(set(chip, text), Error) << text;
  }
}

}  // namespace
}  // namespace fulgurite::npu
