// The golden cases of another implementation: every path must give the same bytes, and the judge
// that came with them must be content.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "fulgurite/platform.hpp"
#include "tool.hpp"

namespace fulgurite::app::test {
namespace {

std::vector<std::string> cases() {
  constexpr std::string_view kEnd = ".in.safetensors";
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(FULGURITE_CASES)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(kEnd)) names.push_back(name.substr(0, name.size() - kEnd.size()));
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string file_of(const std::string& name, const char* kind) {
  return std::string(FULGURITE_CASES) + "/" + name + "." + kind + ".safetensors";
}

class Golden : public testing::TestWithParam<std::string> {
 protected:
  /// The bytes that `step` writes.
  std::string step(std::vector<std::string> more) {
    more.insert(more.begin(), {"step", "--input", file_of(GetParam(), "in"), "--output", output_});
    const ToolRun run = run_tool(more);
    EXPECT_EQ(run.exit_code, 0) << run.err;
    return io::test::read_text(output_);
  }

  io::test::TemporaryFolder folder_;
  std::string output_ = (folder_ / "out.safetensors").string();
};

TEST_P(Golden, EveryPlatformIsaAndThreadCountGivesTheSameBytes) {
  const std::string expected = step({"--platform", "reference"});
  for (const IsaStatus& isa : isa_statuses()) {
    if (!isa.available) continue;
    for (const char* threads : {"1", "2"}) {
      const std::string isa_name(name(isa.isa));
      EXPECT_TRUE(step({"--isa", isa_name, "--threads", threads}) == expected)
          << isa_name << ", threads " << threads;
    }
  }
}

TEST_P(Golden, EveryFormOfTheTileProgramsGivesTheSameBytes) {
  const std::string merged = step({"--platform", "a2a3"});
  for (const char* form : {"per_token", "baseline", "rope_slice", "rope"}) {
    EXPECT_TRUE(step({"--platform", "a2a3", "--form", form}) == merged) << form;
  }
}

#ifdef FULGURITE_PYTHON
TEST_P(Golden, TheJudgeIsContent) {
  for (const char* platform : {"cpu", "a2a3"}) {
    step({"--platform", platform});
    const std::string command = std::string("'" FULGURITE_PYTHON "' '" FULGURITE_JUDGE "' '") +
                                file_of(GetParam(), "in") + "' '" + file_of(GetParam(), "out") +
                                "' '" + output_ + "' --variant kernel";
    EXPECT_EQ(std::system(command.c_str()), 0) << command;
  }
}
#endif

INSTANTIATE_TEST_SUITE_P(Case, Golden, testing::ValuesIn(cases()),
                         [](const auto& each) { return each.param; });

}  // namespace
}  // namespace fulgurite::app::test
