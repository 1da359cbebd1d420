// The file that `fulgurite npu schedule --trace` writes.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <set>

#include "npu_json.hpp"

namespace fulgurite::app::test {
namespace {

using Json = nlohmann::json;

class NpuTrace : public testing::Test {
 protected:
  const io::test::TemporaryFolder folder_;
  const std::string path_ = (folder_ / "step.json").string();

  Json events(const std::vector<std::string>& options = {}) {
    std::vector<std::string> words{"schedule", "--trace", path_};
    words.insert(words.end(), options.begin(), options.end());
    summary_ = npu_json(words);
    return Json::parse(io::test::read_text(path_))["traceEvents"];
  }

  Json summary_;
};

/// Group and name of each track, by pid and tid.
std::map<std::pair<int, int>, std::string> track_names(const Json& events) {
  std::map<int, std::string> groups;
  std::map<std::pair<int, int>, std::string> tracks;
  for (const Json& event : events) {
    if (event["name"] == "process_name") groups[event["pid"]] = event["args"]["name"];
  }
  for (const Json& event : events) {
    if (event["name"] != "thread_name") continue;
    tracks[{event["pid"], event["tid"]}] =
        groups.at(event["pid"]) + "/" + std::string(event["args"]["name"]);
  }
  return tracks;
}

TEST_F(NpuTrace, HasATrackForEachCoreAndThread) {
  std::map<std::string, int> count;
  for (const auto& [place, name] : track_names(events())) {
    const bool is_core = name.starts_with("cores/cluster ");
    ++count[!is_core ? name.substr(0, name.find_last_not_of("0123456789 ") + 1)
            : name.find("AIC") != name.npos ? "AIC"
                                            : "AIV"];
  }
  EXPECT_EQ(count,
            (std::map<std::string, int>{
                {"AIC", 24}, {"AIV", 48}, {"runtime/orchestrator", 1}, {"runtime/scheduler", 3}}));
}

TEST_F(NpuTrace, EverySubtaskIsASliceAndSlicesOfATrackDoNotOverlap) {
  const Json all = events();
  const auto tracks = track_names(all);
  std::map<std::pair<int, int>, std::vector<std::pair<double, double>>> slices;
  std::size_t kernels = 0;
  std::size_t submissions = 0;
  for (const Json& event : all) {
    if (event["ph"] != "X") continue;
    const std::pair<int, int> place{event["pid"], event["tid"]};
    ASSERT_TRUE(tracks.contains(place));
    EXPECT_GE(event["dur"], 0);
    slices[place].emplace_back(event["ts"], event["dur"]);
    if (event["cat"] == "kernel") ++kernels;
    if (event["cat"] == "submit") ++submissions;
  }
  EXPECT_EQ(kernels, summary_["subtasks"]);
  EXPECT_EQ(submissions, summary_["tasks"]);
  for (auto& [place, of_track] : slices) {
    std::sort(of_track.begin(), of_track.end());
    for (std::size_t i = 1; i < of_track.size(); ++i) {
      const auto [start, duration] = of_track[i - 1];
      EXPECT_LE(start + duration, of_track[i].first + 2e-3) << tracks.at(place);
    }
  }
}

TEST_F(NpuTrace, EveryDependenceIsAnArrowFromAKernelToALaterOne) {
  std::map<int, Json> starts;
  std::map<int, Json> ends;
  for (const Json& event : events({"--form", "baseline"})) {
    if (event["ph"] == "s") starts[event["id"]] = event;
    if (event["ph"] == "f") ends[event["id"]] = event;
  }
  EXPECT_GT(starts.size(), 1000U);
  ASSERT_EQ(starts.size(), ends.size());
  for (const auto& [id, start] : starts) {
    ASSERT_TRUE(ends.contains(id));
    EXPECT_LT(start["ts"], ends[id]["ts"]);
  }
}

TEST_F(NpuTrace, IsWrittenAlsoIfTheProgramDoesNotFit) {
  EXPECT_EQ(npu_json({"schedule", "--trace", path_, "--vec-budget", "184"}, 5)["trace"], path_);
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(NpuTrace, ThatCannotBeWrittenLeavesNothingAndEndsWithFour) {
  const std::string wrong = (folder_ / "none/step.json").string();
  expect_refusal(run_tool({"npu", "schedule", "--trace", wrong}), 4, "cannot be written");
  const ToolSettings settings{.environment = {}, .most_file_bytes = 4096, .stdout_path = {}};
  expect_refusal(run_tool({"npu", "schedule", "--trace", path_}, settings), 4, "cannot be written");
  EXPECT_FALSE(std::filesystem::exists(path_));
}

}  // namespace
}  // namespace fulgurite::app::test
