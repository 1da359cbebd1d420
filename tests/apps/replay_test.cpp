// Recorded decodes of the recipes: every path must give the same bytes, and the judge that came
// with them must be content.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "fulgurite/platform.hpp"
#include "io/safetensors.hpp"
#include "tool.hpp"

namespace fulgurite::app::test {
namespace {

std::vector<std::string> recordings() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(FULGURITE_RECORDINGS)) {
    const std::string name = entry.path().stem().string();
    const bool is_other = name.starts_with("weights") || name.starts_with("stages") ||
                          entry.path().extension() != ".safetensors";
    if (!is_other) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

const std::string kFolder = FULGURITE_RECORDINGS "/";

class Recorded : public testing::TestWithParam<std::string> {
 protected:
  [[nodiscard]] std::string recording() const { return kFolder + GetParam() + ".safetensors"; }

  std::string replay(std::vector<std::string> more) {
    more.insert(more.begin(),
                {"replay", recording(), "--weights", kFolder + "weights-h64-grid.safetensors",
                 "--output", output_, "--scores", "--state"});
    const ToolRun run = run_tool(more);
    EXPECT_EQ(run.exit_code, 0) << run.err;
    return io::test::read_text(output_);
  }

  io::test::TemporaryFolder folder_;
  std::string output_ = (folder_ / "result.safetensors").string();
};

TEST_P(Recorded, EveryIsaThreadCountPageSizeAndSplitGivesTheSameBytes) {
  const std::string expected = replay({});
  for (const IsaStatus& isa : isa_statuses()) {
    if (!isa.available) continue;
    for (const char* threads : {"1", "2"}) {
      EXPECT_TRUE(replay({"--isa", std::string(name(isa.isa)), "--threads", threads}) == expected)
          << name(isa.isa) << ", threads " << threads;
    }
  }
  for (const char* size : {"1", "3", "256"}) {
    EXPECT_TRUE(replay({"--page-size", size}) == expected) << "page size " << size;
  }
  for (const char* split : {"1", "2", "5"}) {
    EXPECT_TRUE(replay({"--split", split}) == expected) << "split " << split;
  }
}

#ifdef FULGURITE_PYTHON
TEST_P(Recorded, TheJudgeIsContent) {
  replay({});
  const std::string command =
      std::string("'" FULGURITE_PYTHON "' '" FULGURITE_RECORDING_JUDGE "' '") + recording() +
      "' '" + output_ + "'";
  EXPECT_EQ(std::system(command.c_str()), 0) << command;
}
#endif

INSTANTIATE_TEST_SUITE_P(, Recorded, testing::ValuesIn(recordings()), [](const auto& each) {
  std::string text = each.param;
  std::replace(text.begin(), text.end(), '-', '_');
  return text;
});

TEST(Record, WeightsWithAScaleForEachBlockAreReadAndGiveTheSameBytesOnEveryPath) {
  const io::test::TemporaryFolder folder;
  const std::string weights = (folder / "w.safetensors").string();
  const std::string recording = (folder / "r.safetensors").string();
  const std::string output = (folder / "o.safetensors").string();
  EXPECT_EQ(run_tool({"record", "--recipe", "deepseek", "--query-weights", "fp8", "--query-rank",
                      "272", "--weights", weights, "--output", recording})
                .exit_code,
            0);
  const auto file = io::SafetensorsFile::open(weights);
  EXPECT_EQ(file.at("wq_b").dtype, io::Dtype::f8_e4m3);
  EXPECT_EQ(file.at("wq_b_scale").shape, (std::vector<std::int64_t>{64, 3}));
  for (const IsaStatus& isa : isa_statuses()) {
    if (!isa.available) continue;
    const ToolRun run = run_tool({"replay", recording, "--weights", weights, "--output", output,
                                  "--scores", "--isa", std::string(name(isa.isa))});
    EXPECT_EQ(run.exit_code, 0) << run.err;
    const auto expected = io::SafetensorsFile::open(recording);
    const auto want = expected.at("expect.score").bytes;
    const auto result = io::SafetensorsFile::open(output);
    const auto have = result.at("score").bytes;
    EXPECT_TRUE(std::equal(want.begin(), want.end(), have.begin(), have.end())) << name(isa.isa);
  }
  const ToolRun refused = run_tool({"record", "--recipe", "exact", "--query-weights", "fp8",
                                    "--weights", weights, "--output", recording});
  EXPECT_EQ(refused.exit_code, 3) << refused.err;
}

TEST(Record, GivesTheSameBytesAndReplaysToWhatItExpects) {
  for (const char* recipe : {"seed-int8", "deepseek", "deepseek-bf16score", "fp8", "fp8-f32scale",
                             "fp8-rot", "exact", "exact-bf16"}) {
    for (const char* plan : {"single", "prompt", "drafts"}) {
      const io::test::TemporaryFolder folder;
      const std::string weights = (folder / "w.safetensors").string();
      const std::string recording = (folder / "r.safetensors").string();
      const std::string output = (folder / "o.safetensors").string();
      const std::vector<std::string> record{"record",    "--recipe", recipe,     "--plan", plan,
                                            "--weights", weights,    "--output", recording};
      EXPECT_EQ(run_tool(record).exit_code, 0);
      const std::string first = io::test::read_text(recording);
      EXPECT_EQ(run_tool(record).exit_code, 0);
      EXPECT_TRUE(io::test::read_text(recording) == first);
      const ToolRun run = run_tool({"replay", recording, "--weights", weights, "--output", output,
                                    "--scores", "--split", "2", "--isa", "generic"});
      EXPECT_EQ(run.exit_code, 0) << run.err;
      const auto expected = io::SafetensorsFile::open(recording);
      const auto found = io::SafetensorsFile::open(output);
      for (const char* name : {"topk", "score"}) {
        const auto want = expected.at(std::string("expect.") + name).bytes;
        const auto have = found.at(name).bytes;
        EXPECT_TRUE(std::equal(want.begin(), want.end(), have.begin(), have.end()))
            << recipe << ' ' << plan << ' ' << name;
      }
    }
  }
}

class Replay : public testing::Test {
 protected:
  io::test::TemporaryFolder folder_;
  std::string output_ = (folder_ / "result.safetensors").string();
  std::string recording_ = kFolder + "drafts-h64-grid-fp8.safetensors";
  std::string weights_ = kFolder + "weights-h64-grid.safetensors";
};

TEST_F(Replay, WithoutFlagsThereIsOnlyTheSelection) {
  const ToolRun run =
      run_tool({"replay", recording_, "--weights", weights_, "--output", output_, "--json"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  const auto json = nlohmann::json::parse(run.out);
  EXPECT_EQ(json["recipe"], "fp8");
  EXPECT_EQ(json["tokens"], 61);
  const auto file = io::SafetensorsFile::open(output_);
  EXPECT_NE(file.find("topk"), nullptr);
  EXPECT_EQ(file.tensors().size(), 1);
}

TEST_F(Replay, WrongFilesAreNamedAndNothingIsWritten) {
  for (const auto& [recording, weights, expected] :
       {std::array<std::string, 3>{weights_, weights_, "recipe"},
        std::array<std::string, 3>{recording_, recording_, "wq_b"},
        std::array<std::string, 3>{recording_, "/no/such/file", "/no/such/file"}}) {
    const ToolRun run = run_tool({"replay", recording, "--weights", weights, "--output", output_});
    EXPECT_EQ(run.exit_code, 3) << run.err;
    EXPECT_NE(run.err.find(expected), run.err.npos) << run.err;
    EXPECT_FALSE(std::filesystem::exists(output_));
  }
}

}  // namespace
}  // namespace fulgurite::app::test
