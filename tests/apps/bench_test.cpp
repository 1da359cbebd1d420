#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tool.hpp"

namespace fulgurite::app::test {
namespace {

nlohmann::json bench(const std::string& part) {
  const ToolRun run = run_tool({"bench", "--quick", "--json", "--threads", "2", "--part", part});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  const auto json = nlohmann::json::parse(run.out);
  EXPECT_EQ(json["parts"].size(), 1U);
  EXPECT_EQ(json["parts"][0]["name"], part);
  EXPECT_FALSE(json["parts"][0]["rows"].empty());
  return json["parts"][0]["rows"];
}

TEST(Bench, MeasuresEachStageAgainstACeiling) {
  for (const auto& row : bench("stages")) {
    EXPECT_GT(row["seconds"], 0) << row;
    EXPECT_GT(row["share_of_ceiling"], 0) << row;
    EXPECT_LT(row["share_of_ceiling"], 1.5) << row;
  }
}

TEST(Bench, SaysWhatPruningSkips) {
  for (const auto& row : bench("pruning")) {
    const double skipped = row["skipped_share"];
    EXPECT_TRUE(row["rows_are"] != "normal" || skipped > 0.05) << row;
    EXPECT_TRUE(row["rows_are"] != "all weights positive" || skipped == 0) << row;
    EXPECT_LT(skipped, 1) << row;
  }
}

TEST(Bench, RunsStepsOnOneThreadAndOnMore) {
  const nlohmann::json rows = bench("steps");
  EXPECT_EQ(rows[0]["threads"], 1);
  for (const auto& row : rows) {
    EXPECT_GT(row["dense_seconds"], 0);
    EXPECT_GT(row["pruned_seconds"], 0);
    EXPECT_GT(row["workspace_bytes"], 0);
    EXPECT_EQ(row["dense_stages"].size(), 5U);
  }
}

TEST(Bench, PrintsTablesOfTheWantedParts) {
  const ToolRun run = run_tool({"bench", "--quick", "--part", "ceilings"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_NE(run.out.find("int8 multiply-adds"), run.out.npos);
  EXPECT_EQ(run.out.find("skipped"), run.out.npos);
  EXPECT_EQ(run_tool({"bench", "--part", "none"}).exit_code, 2);
}

}  // namespace
}  // namespace fulgurite::app::test
