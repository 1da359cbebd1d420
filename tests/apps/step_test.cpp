// What `fulgurite step` does with its options and its output.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "fulgurite/executor.hpp"
#include "fulgurite/platform.hpp"
#include "step_file.hpp"
#include "tool.hpp"

namespace fulgurite::app::test {
namespace {

using io::test::read_text;

constexpr int kUsage = 2;
constexpr int kFailed = 4;

class Step : public testing::Test {
 protected:
  void SetUp() override { small_step().write(input_); }

  [[nodiscard]] ToolRun run(std::vector<std::string> more = {},
                            const ToolSettings& settings = {}) const {
    more.insert(more.begin(), {"step", "--input", input_, "--output", output_});
    return run_tool(more, settings);
  }
  [[nodiscard]] bool written() const { return std::filesystem::exists(output_); }

  io::test::TemporaryFolder folder_;
  std::string input_ = (folder_ / "in.safetensors").string();
  std::string output_ = (folder_ / "out.safetensors").string();
};

TEST_F(Step, TheOutputHasSixTensorsAndTheRestOfTheCache) {
  const ToolRun result = run();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.err, "");
  EXPECT_NE(result.out.find("2 sequences x 2 tokens, 8 rows visible, 5 selected"), result.out.npos)
      << result.out;
  StepFile in = small_step();
  StepFile out = StepFile::read(output_);
  ASSERT_EQ(out.tensors.size(), 6);
  EXPECT_EQ(out["score"].shape, (std::vector<std::int64_t>{2, 2, 12}));
  EXPECT_EQ(out["topk_idxs"].shape, (std::vector<std::int64_t>{2, 2, 12}));
  EXPECT_EQ(out["inner_kv"].shape, in["inner_kv"].shape);
  EXPECT_EQ(out["inner_kv_state"].shape, in["inner_kv_state"].shape);
  EXPECT_EQ(out["inner_score_state"].shape, in["inner_score_state"].shape);
  // Position 31 closes window 7: of each sequence's 12 rows of 256 bytes only that one changes.
  ASSERT_EQ(out["idx_kv_cache"].shape, in["idx_kv_cache"].shape);
  for (std::size_t row = 0; row < 24; ++row) {
    const auto bytes = [&](StepFile& file) {
      const std::byte* const start = file["idx_kv_cache"].bytes.data() + row * 256;
      return std::vector<std::byte>(start, start + 256);
    };
    EXPECT_EQ(bytes(in) == bytes(out), row % 12 != 7) << row;
  }
}

TEST_F(Step, AnAbsentInnerKvCountsAsZeros) {
  StepFile file = small_step();
  file.remove("inner_kv");
  file.write(input_);
  ASSERT_EQ(run().exit_code, 0);
  StepFile out = StepFile::read(output_);
  ASSERT_EQ(out["inner_kv"].shape, (std::vector<std::int64_t>{2, 2, 128}));
  const auto& bytes = out["inner_kv"].bytes;  // token 1 of sequence 0: nothing is stored there
  EXPECT_TRUE(std::all_of(bytes.begin() + 512, bytes.begin() + 1024,
                          [](std::byte each) { return each == std::byte{0}; }));
}

TEST_F(Step, TheSelectionMatricesMayBeAbsentAndChangeNothing) {
  ASSERT_EQ(run().exit_code, 0);
  const std::string with = read_text(output_);
  StepFile file = small_step();
  file.remove("even_select");
  file.remove("odd_select");
  file.write(input_);
  ASSERT_EQ(run().exit_code, 0);
  EXPECT_EQ(read_text(output_), with);
}

TEST_F(Step, PlatformsIsasAndThreadCountsGiveTheSameFile) {
  ASSERT_EQ(run({"--platform", "reference"}).exit_code, 0);
  const std::string expected = read_text(output_);
  for (const IsaStatus& isa : isa_statuses()) {
    if (!isa.available) continue;
    for (const char* threads : {"1", "2"}) {
      std::filesystem::remove(output_);
      const ToolRun result = run({"--isa", std::string(name(isa.isa)), "--threads", threads});
      EXPECT_EQ(result.exit_code, 0) << result.err;
      EXPECT_TRUE(read_text(output_) == expected) << name(isa.isa) << ' ' << threads;
    }
  }
}

TEST_F(Step, NonFiniteValuesGiveTheSameFileOnEveryPlatform) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  StepFile file = small_step();
  file["x"].set(1, to_bf16(nan));
  file["qr_scale"].set(2, std::numeric_limits<float>::infinity());
  file["inner_kv_state"].set(300, nan);
  file["inner_score_state"].set(5, -std::numeric_limits<float>::infinity());
  file["idx_kv_cache"].set(130, to_bf16(nan));
  file.write(input_);
  const ToolRun by_reference = run({"--platform", "reference"});
  ASSERT_EQ(by_reference.exit_code, 0);
  EXPECT_NE(by_reference.out.find("met a score of NaN"), by_reference.out.npos);
  const std::string expected = read_text(output_);
  for (const IsaStatus& isa : isa_statuses()) {
    if (!isa.available) continue;
    ASSERT_EQ(run({"--isa", std::string(name(isa.isa))}).exit_code, 0);
    EXPECT_TRUE(read_text(output_) == expected) << name(isa.isa);
  }
}

TEST_F(Step, TheOutputMayReplaceTheInput) {
  ASSERT_EQ(run().exit_code, 0);
  const std::string expected = read_text(output_);
  const ToolRun result = run_tool({"step", "--input", input_, "--output", input_});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(read_text(input_) == expected);
}

TEST_F(Step, AFailedStepLeavesAnOlderOutputAsItWas) {
  io::test::write_text(output_, "precious");
  StepFile file = small_step();
  file.remove("x");
  file.write(input_);
  EXPECT_EQ(run().exit_code, 3);
  EXPECT_EQ(read_text(output_), "precious");
}

TEST_F(Step, AnUnknownOptionOrValueIsWrongUsage) {
  expect_refusal(run({"--isa", "sse"}), kUsage, "sse");
  expect_refusal(run({"--platform", "gpu"}), kUsage, "gpu");
  expect_refusal(run({"--frobnicate"}), kUsage, "--frobnicate");
  expect_refusal(run({"more"}), kUsage, "more");
  expect_refusal(run_tool({"step", "--input", input_}), kUsage, "--output");
  expect_refusal(run_tool({"step", "--output", output_}), kUsage, "--input");
  expect_refusal(run_tool({"leap"}), kUsage, "no verb 'leap'");
  expect_refusal(run({}, {.environment = {{"FULGURITE_ISA", "sse"}}, .stdout_path = {}}), kUsage,
                 "FULGURITE_ISA");
  for (const char* threads : {"0", "-1", "1025", "two", "1.5", ""}) {
    expect_refusal(run({"--threads", threads}), kUsage, "--threads");
  }
  EXPECT_FALSE(written());
}

TEST_F(Step, AnIsaThatThisMachineLacksIsWrongUsage) {
  for (const IsaStatus& isa : isa_statuses()) {
    if (isa.available) continue;
    const std::string isa_name(name(isa.isa));
    expect_refusal(run({"--isa", isa_name}), kUsage, isa_name);
    EXPECT_FALSE(written());
  }
}

TEST_F(Step, TheEnvironmentForcesAnIsa) {
  const ToolSettings settings{.environment = {{"FULGURITE_ISA", "generic"}}, .stdout_path = {}};
  const ToolRun result = run({}, settings);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.out.find("cpu generic"), result.out.npos) << result.out;
}

TEST_F(Step, MoreThreadsThanTheMachineAllowsAreClampedAndItSaysSo) {
  if (usable_threads() >= 512) GTEST_SKIP() << "this machine allows them";
  const ToolRun result = run({"--threads", "512"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(written());
  const std::string words = "fulgurite: --threads 512: this process may use " +
                            std::to_string(usable_threads()) + " thread";
  EXPECT_TRUE(result.err.starts_with(words)) << result.err;
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
}

TEST_F(Step, AnOutputThatCannotBeWrittenIsExitCode4) {
  const auto to = [&](const std::string& path) {
    return run_tool({"step", "--input", input_, "--output", path});
  };
  expect_refusal(to((folder_ / "no" / "out").string()), kFailed, "No such file or directory");
  expect_refusal(to(folder_.path().string()), kFailed, "cannot be written");
  expect_refusal(to("/dev/full"), kFailed, "/dev/full: cannot be written");
  expect_refusal(to("/proc/out"), kFailed, "cannot be written");
  EXPECT_EQ(folder_.files(), 1);
}

TEST_F(Step, AFullDiskIsExitCode4AndLeavesNoTrace) {
  ASSERT_EQ(run().exit_code, 0);
  const std::string before = read_text(output_);
  const ToolSettings settings{.environment = {}, .most_file_bytes = 4096, .stdout_path = {}};
  expect_refusal(run({}, settings), kFailed, "cannot be written: File too large");
  EXPECT_EQ(read_text(output_), before);
  EXPECT_EQ(folder_.files(), 2);
}

TEST_F(Step, AStandardOutputThatIsFullIsExitCode4) {
  const ToolRun result = run({}, {.environment = {}, .stdout_path = "/dev/full"});
  EXPECT_EQ(result.exit_code, kFailed);
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
}

TEST_F(Step, JsonTellsWhatRanAndHowLongEachStageTook) {
  const ToolRun result = run({"--json", "--threads", "1"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto json = nlohmann::json::parse(result.out);
  EXPECT_EQ(json["platform"], "cpu");
  EXPECT_EQ(json["isa"], name(resolve_isa()));
  EXPECT_EQ(json["threads"], 1);
  EXPECT_EQ(json["visible_rows"], 8);
  EXPECT_EQ(json["tokens_with_nan"], 0);
  EXPECT_GT(json["seconds"], 0.0);
  ASSERT_EQ(json["stages"].size(), 5);
  EXPECT_EQ(json["stages"][0]["stage"], "query");
  EXPECT_EQ(json["stages"][0]["int8_macs"], 4 * 16 * 8 * 128);
}

TEST_F(Step, TheFormsOfPlatformA2a3GiveTheSameFile) {
  ASSERT_EQ(run({"--platform", "a2a3"}).exit_code, 0);
  const std::string merged = read_text(output_);
  for (const char* form : {"per_token", "baseline", "rope_slice", "rope", "merged"}) {
    const ToolRun result = run({"--platform", "a2a3", "--form", form, "--json"});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_TRUE(read_text(output_) == merged) << form;
    const auto json = nlohmann::json::parse(result.out);
    EXPECT_EQ(json["platform"], "a2a3");
    EXPECT_EQ(json["form"], form);
    EXPECT_GT(json["tasks"], 0);
    EXPECT_TRUE(json["findings"].empty());
  }
}

TEST_F(Step, AFormIsOfPlatformA2a3Only) {
  expect_refusal(run({"--form", "merged"}), kUsage, "--form: expected --platform a2a3");
  expect_refusal(run({"--platform", "reference", "--form", "rope"}), kUsage, "--form");
  expect_refusal(run({"--platform", "a2a3", "--form", "fused"}), kUsage, "found fused");
  EXPECT_FALSE(written());
}

TEST_F(Step, JsonOfTheReferenceHasNoStages) {
  const ToolRun result = run({"--json", "--platform", "reference"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto json = nlohmann::json::parse(result.out);
  EXPECT_EQ(json["platform"], "reference");
  EXPECT_FALSE(json.contains("stages"));
}

}  // namespace
}  // namespace fulgurite::app::test
