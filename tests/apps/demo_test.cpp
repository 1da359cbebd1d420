// What `fulgurite demo` shows and refuses.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "fulgurite/platform.hpp"
#include "tool.hpp"

namespace fulgurite::app::test {
namespace {

ToolRun demo(const std::vector<std::string>& more) {
  std::vector<std::string> words{"demo", "--batch", "2", "--start-pos", "30"};
  words.insert(words.end(), more.begin(), more.end());
  return run_tool(words);
}

/// The lines of the selection table, which do not depend on times.
std::string selection(const ToolRun& run) {
  const std::size_t start = run.out.find("token  selected");
  return start == run.out.npos ? "" : run.out.substr(start, run.out.find("\n\n", start) - start);
}

TEST(Demo, RunsEqualsTheReferenceAndShowsEveryStage) {
  const ToolRun run = demo({"--threads", "1"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.err, "");
  EXPECT_TRUE(run.out.starts_with("v4-flash, 2 sequences x 2 tokens, 8 rows visible; cpu "))
      << run.out;
  EXPECT_NE(run.out.find(", 1 thread; equal to the reference: yes\n"), run.out.npos) << run.out;
  std::size_t at = 0;
  for (const char* line :
       {"\nstage ", "\nquery ", "\nproject ", "\nquantize ", "\ncompress ", "\nselect ", "\nstep ",
        " of the sum of floors\n", "\n[0,0] ", "\n[1,1] ", "\nTry next:\n"}) {
    at = run.out.find(line, at);
    ASSERT_NE(at, run.out.npos) << line << run.out;
  }
  EXPECT_EQ(run.out.find('\033'), run.out.npos) << "colour without a terminal";
}

TEST(Demo, TheSeedAloneDecidesWhatIsSelected) {
  const std::string expected = selection(demo({"--seed", "7"}));
  ASSERT_NE(expected, "");
  for (const IsaStatus& isa : isa_statuses()) {
    if (!isa.available) continue;
    const ToolRun run =
        demo({"--seed", "7", "--threads", "2", "--isa", std::string(name(isa.isa))});
    EXPECT_EQ(run.exit_code, 0) << run.out << run.err;
    EXPECT_EQ(selection(run), expected) << name(isa.isa);
  }
  EXPECT_NE(selection(demo({"--seed", "8"})), expected);
}

TEST(Demo, JsonHasTheStagesTheirFloorsAndTheCeilings) {
  const ToolRun run = demo({"--json", "--threads", "1"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const auto json = nlohmann::json::parse(run.out);
  EXPECT_EQ(json["equal_to_reference"], true);
  EXPECT_EQ(json["visible_rows"], 8);
  EXPECT_EQ(json["threads"], 1);
  EXPECT_GE(json["runs"], 3);
  EXPECT_GT(json["seconds"], 0.0);
  EXPECT_GT(json["ceilings"]["int8_macs_per_second"], 1e8);
  ASSERT_EQ(json["stages"].size(), 5);
  EXPECT_EQ(json["stages"][0]["int8_macs"], std::int64_t{4} * 1024 * 64 * 128);
  EXPECT_GT(json["stages"][0]["floor_seconds"], 0.0);
}

TEST(Demo, APositionWithoutRowsSelectsNone) {
  const ToolRun run = run_tool({"demo", "--batch", "1", "--tokens", "1", "--start-pos", "0"});
  EXPECT_EQ(run.exit_code, 0) << run.out << run.err;
  EXPECT_NE(run.out.find("1 sequence x 1 token, 0 rows visible"), run.out.npos) << run.out;
}

TEST(Demo, TheLargerPresetEqualsTheReferenceToo) {
  const ToolRun run = run_tool({"demo", "--preset", "v4-pro", "--batch", "1", "--start-pos", "10"});
  EXPECT_EQ(run.exit_code, 0) << run.out << run.err;
  EXPECT_TRUE(run.out.starts_with("v4-pro, 1 sequence x 2 tokens, 3 rows")) << run.out;
}

TEST(Demo, WrongUsageIsOneLineAndExitCode2) {
  expect_refusal(demo({"--preset", "v5"}), 2, "--preset");
  expect_refusal(demo({"--tokens", "0"}), 2, "--tokens");
  expect_refusal(demo({"--tokens", "x"}), 2, "--tokens");
  expect_refusal(demo({"--seed", "-1"}), 2, "--seed");
  expect_refusal(demo({"--isa", "sse"}), 2, "sse");
  expect_refusal(demo({"--threads", "0"}), 2, "--threads");
  expect_refusal(run_tool({"demo", "--batch", "0"}), 2, "--batch");
  expect_refusal(run_tool({"demo", "--batch", "99999999999999999999"}), 2, "--batch");
  expect_refusal(run_tool({"demo", "--start-pos", "-1"}), 2, "--start-pos");
  expect_refusal(run_tool({"demo", "--start-pos", "1048576"}), 2, "--start-pos");
}

TEST(Demo, AStepBeyondThisMachinesMemoryIsRefusedBeforeItStarts) {
  expect_refusal(
      run_tool({"demo", "--batch", "65536", "--tokens", "1024", "--start-pos", "1048575"}), 2,
      "expected a step that fits the ");
}

}  // namespace
}  // namespace fulgurite::app::test
