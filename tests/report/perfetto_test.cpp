#include "report/perfetto.hpp"

#include <gtest/gtest.h>

namespace fulgurite::report {
namespace {

nlohmann::json events_of(const PerfettoTrace& trace) {
  return nlohmann::json::parse(trace.json())["traceEvents"];
}

std::vector<nlohmann::json> of_phase(const PerfettoTrace& trace, const std::string& phase) {
  std::vector<nlohmann::json> found;
  for (const auto& event : events_of(trace)) {
    if (event["ph"] == phase) found.push_back(event);
  }
  return found;
}

TEST(Perfetto, AnEmptyTraceIsValidJson) { EXPECT_TRUE(events_of({}).empty()); }

TEST(Perfetto, TracksHaveNamesWithinTheirGroups) {
  PerfettoTrace trace;
  trace.add_track("cores", "AIC \"0\"");
  trace.add_track("runtime", "orchestrator");
  trace.add_track("cores", "AIC 1");
  std::vector<std::string> names;
  for (const auto& event : of_phase(trace, "M")) {
    if (event["name"] == "thread_sort_index" || event["name"] == "process_sort_index") continue;
    names.push_back(event["pid"].dump() + " " + std::string(event["args"]["name"]));
  }
  EXPECT_EQ(names, (std::vector<std::string>{"1 cores", "2 runtime", "1 AIC \"0\"",
                                             "2 orchestrator", "1 AIC 1"}));
}

TEST(Perfetto, SlicesHaveStartAndDurationInMicroseconds) {
  PerfettoTrace trace;
  const std::size_t track = trace.add_track("cores", "AIC 0");
  trace.add({track, "topk", "indexer/topk", 1.5, 4.25, {{"task", 7}}});
  const auto slices = of_phase(trace, "X");
  ASSERT_EQ(slices.size(), 1U);
  EXPECT_EQ(slices[0]["ts"], 1.5);
  EXPECT_EQ(slices[0]["dur"], 2.75);
  EXPECT_EQ(slices[0]["name"], "topk");
  EXPECT_EQ(slices[0]["args"]["task"], 7);
}

TEST(Perfetto, BothEndsOfAnArrowLieWithinTheirSlices) {
  PerfettoTrace trace;
  const std::size_t first = trace.add_track("cores", "AIC 0");
  const std::size_t second = trace.add_track("cores", "AIC 1");
  const std::size_t from = trace.add({first, "a", "", 1, 3, {}});
  const std::size_t to = trace.add({second, "b", "", 4, 6, {}});
  trace.add_flow(from, to, "x");
  const auto starts = of_phase(trace, "s");
  const auto ends = of_phase(trace, "f");
  ASSERT_EQ(starts.size(), 1U);
  ASSERT_EQ(ends.size(), 1U);
  EXPECT_EQ(starts[0]["id"], ends[0]["id"]);
  EXPECT_EQ(starts[0]["ts"], 2);
  EXPECT_EQ(ends[0]["ts"], 5);
  EXPECT_EQ(ends[0]["bp"], "e");
  const auto slices = of_phase(trace, "X");
  EXPECT_EQ(starts[0]["tid"], slices[0]["tid"]);
  EXPECT_EQ(ends[0]["tid"], slices[1]["tid"]);
}

}  // namespace
}  // namespace fulgurite::report
