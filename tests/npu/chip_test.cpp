#include "npu/chip.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>
#include <string>

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

/// A row of docs/npu-model.md.
std::string row_of(const Constant& constant) {
  std::ostringstream row;
  row << "| `" << constant.name << "` | " << Chip().*constant.member << ' ' << constant.unit
      << " |";
  if (constant.low != constant.high) row << ' ' << constant.low << " to " << constant.high << " |";
  if (constant.low == constant.high) row << " |";
  row << ' ' << name(constant.confidence) << " | " << constant.source << " |";
  return row.str();
}

TEST(NpuChip, TheDocsListEveryConstant) {
  std::ifstream page(FULGURITE_DOCS "/npu-model.md");
  std::set<std::string> lines;
  for (std::string line; std::getline(page, line);) lines.insert(line);
  for (const Constant& constant : constants()) {
    EXPECT_TRUE(lines.contains(row_of(constant))) << row_of(constant);
  }
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
  for (const char* text :
       {"orchestrator_us", "no_such=1", "vec_bytes=0", "vec_bytes=-1", "vec_bytes=", "vec_bytes=1x",
        "vec_bytes=nan", "vec_bytes=inf", "vec_row_bytes=0.5", "clusters=2.5", "clusters=1e9",
        "slots=1", "start_us=-1", "start_us=1e300", "gm_to_ub_bytes_per_cycle=0"}) {
    EXPECT_THROW(set(chip, text), Error) << text;
  }
  for (const char* text : {"pending_per_core=0", "start_us=0", "l1_bytes=1", "clusters=1"}) {
    EXPECT_NO_THROW(set(chip, text)) << text;
  }
}

}  // namespace
}  // namespace fulgurite::npu
