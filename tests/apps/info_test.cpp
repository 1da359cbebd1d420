#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "fulgurite/executor.hpp"
#include "fulgurite/platform.hpp"
#include "fulgurite/version.hpp"
#include "tool.hpp"

namespace fulgurite::app::test {
namespace {

TEST(Info, ListsEveryIsaBestFirstAndMarksTheChosenOne) {
  const ToolRun run = run_tool({"info"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  std::size_t at = 0;
  for (const char* isa : {"\navx512_vnni", "\navx_vnni", "\navx2", "\ngeneric"}) {
    at = run.out.find(isa, at);
    ASSERT_NE(at, run.out.npos) << isa << run.out;
  }
  EXPECT_NE(run.out.find("chosen"), run.out.npos);
  EXPECT_NE(run.out.find("affinity mask: "), run.out.npos);
}

TEST(Info, JsonSaysWhatTheLibrarySays) {
  const ToolRun run = run_tool({"info", "--json"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const auto json = nlohmann::json::parse(run.out);
  EXPECT_EQ(json["version"], version());
  EXPECT_EQ(json["threads"]["usable"], usable_threads());
  EXPECT_EQ(json["chosen_isa"], name(resolve_isa()));
  const std::vector<IsaStatus> statuses = isa_statuses();
  ASSERT_EQ(json["isas"].size(), statuses.size());
  for (std::size_t i = 0; i < statuses.size(); ++i) {
    EXPECT_EQ(json["isas"][i]["isa"], name(statuses[i].isa));
    EXPECT_EQ(json["isas"][i]["available"], statuses[i].available);
    EXPECT_EQ(json["isas"][i]["reason"], statuses[i].reason);
    EXPECT_TRUE(statuses[i].available || !statuses[i].reason.empty());
  }
}

TEST(Info, TheEnvironmentChangesTheChoice) {
  const ToolSettings settings{.environment = {{"FULGURITE_ISA", "generic"}}, .stdout_path = {}};
  const ToolRun run = run_tool({"info", "--json"}, settings);
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(nlohmann::json::parse(run.out)["chosen_isa"], "generic");
}

TEST(Info, AnEnvironmentThatNamesNoIsaStillGetsTheListAndThenTheError) {
  const ToolSettings settings{.environment = {{"FULGURITE_ISA", "no\nsuch"}}, .stdout_path = {}};
  for (const bool json : {false, true}) {
    std::vector<std::string> words{"info"};
    if (json) words.emplace_back("--json");
    const ToolRun run = run_tool(words, settings);
    EXPECT_EQ(run.exit_code, 2);
    EXPECT_NE(run.out.find("generic"), run.out.npos) << run.out;
    EXPECT_EQ(std::count(run.err.begin(), run.err.end(), '\n'), 1) << run.err;
    EXPECT_TRUE(!json || nlohmann::json::parse(run.out)["chosen_isa"].is_null());
  }
}

/// The verbs, nested ones as two words.
const std::vector<std::vector<std::string>> kVerbs{
    {"demo"},           {"bench"},           {"replay"},         {"record"},
    {"step"},           {"check"},           {"info"},           {"npu"},
    {"npu", "run"},     {"npu", "memory"},   {"npu", "hazards"}, {"npu", "schedule"},
    {"npu", "compare"}, {"npu", "constants"}};

std::string help_of(std::vector<std::string> words) {
  words.emplace_back("--help");
  const ToolRun run = run_tool(words);
  EXPECT_EQ(run.exit_code, 0) << run.err;
  return run.out;
}

TEST(Help, TeachesByExampleAndIsNoError) {
  for (const std::vector<std::string>& verb : kVerbs) {
    std::string example = "Examples:\n  fulgurite";
    for (const std::string& word : verb) example += " " + word;
    const std::string help = help_of(verb);
    EXPECT_NE(help.find(example), help.npos) << help;
  }
  EXPECT_NE(help_of({}).find("Exit codes"), std::string::npos);
}

TEST(Help, LinesFitIn100Columns) {
  for (const std::vector<std::string>& verb : kVerbs) {
    std::istringstream lines(help_of(verb) + help_of({}));
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100) << line;
  }
}

TEST(Help, WithoutArgumentsItIsPrintedAsAnError) {
  const ToolRun run = run_tool({});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_NE(run.err.find("Usage: fulgurite"), run.err.npos);
}

TEST(Version, IsTheLibrarys) {
  const ToolRun run = run_tool({"--version"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(run.out, std::string("fulgurite ") + version() + "\n");
}

}  // namespace
}  // namespace fulgurite::app::test
