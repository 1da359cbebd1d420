#include "npu/analysis.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "programs/seed_program.hpp"
#include "tile/tile.hpp"

namespace fulgurite::npu {
namespace {

using programs::Form;

const programs::ProgramShape kSeed;

TEST(NpuAnalysis, EachTaskTakesAsLongAsItsKernel) {
  const tile::Trace trace = programs::trace(kSeed, Form::merged);
  const Analysis analysis = analyse(trace, Chip{}, Rules{});
  ASSERT_EQ(analysis.tasks.size(), trace.tasks.size());
  ASSERT_EQ(analysis.runs.size(), analysis.kernels.kernels.size());
  ASSERT_EQ(analysis.memory.size(), analysis.kernels.kernels.size());
  for (std::size_t i = 0; i < trace.tasks.size(); ++i) {
    const auto kernel = static_cast<std::size_t>(analysis.kernels.kernel_of[i]);
    EXPECT_EQ(analysis.tasks[i].time.us(), analysis.runs[kernel].time.us());
    EXPECT_EQ(analysis.tasks[i].kind, trace.tasks[i].kind);
  }
}

TEST(NpuAnalysis, TheScheduleIsThatOfTheTasksAndEdges) {
  const tile::Trace trace = programs::trace(kSeed, Form::baseline);
  const Analysis analysis = analyse(trace, Chip{}, Rules{});
  EXPECT_EQ(analysis.edges.size(), dependences(trace, WindowPolicy::may).size());
  EXPECT_EQ(schedule(Chip{}, analysis.tasks, analysis.edges).makespan_us,
            analysis.schedule.makespan_us);
}

TEST(NpuAnalysis, FindingsComeTheGravestFirst) {
  programs::ProgramOptions options = programs::options_of(Form::merged, kSeed);
  options.tiling.rope_row_chunk = 256;
  const Analysis analysis = analyse(programs::trace(kSeed, options), Chip{}, Rules{});
  EXPECT_EQ(severity(analysis.findings.front().kind), Severity::error);
  EXPECT_EQ(severity(analysis.findings.back().kind), Severity::hint);
  EXPECT_TRUE(std::ranges::is_sorted(
      analysis.findings, {}, [](const Finding& finding) { return severity(finding.kind); }));
}

TEST(NpuAnalysis, TheScoreChainCostsWhatTheScheduleLosesByIt) {
  const tile::Trace trace = programs::trace(kSeed, Form::merged);
  const Analysis analysis = analyse(trace, Chip{}, Rules{});
  const auto chain = std::ranges::find_if(analysis.findings, [](const Finding& finding) {
    return finding.kind == FindingKind::serial_parallel && finding.tensor == "score";
  });
  ASSERT_NE(chain, analysis.findings.end());
  std::vector<Edge> rest = analysis.edges;
  std::erase_if(rest, [&](const Edge& edge) {
    return edge.kind == EdgeKind::write_after_write && trace[edge.buffer].name == "score" &&
           trace[trace[edge.from].scope].name == "score_store";
  });
  EXPECT_LT(rest.size(), analysis.edges.size());
  const double without_us = schedule(Chip{}, analysis.tasks, rest).makespan_us;
  EXPECT_DOUBLE_EQ(chain->cost_us, analysis.schedule.makespan_us - without_us);
  EXPECT_GT(chain->cost_us, 50);
}

/// Two memories of one scope that do not fit are two findings; equal kernels are one.
TEST(NpuAnalysis, EachMemoryThatDoesNotFitIsToldOnce) {
  programs::ProgramOptions options = programs::options_of(Form::merged, kSeed);
  options.tiling.rope_group = 8;
  options.tiling.hadamard_row_chunk = 256;
  const Analysis analysis = analyse(programs::trace(kSeed, options), Chip{}, Rules{});
  std::vector<std::string> messages;
  for (const Finding& finding : analysis.findings) {
    if (finding.kind != FindingKind::overflow) continue;
    EXPECT_EQ(finding.scopes.front(), "indexer/qr_hadamard");
    EXPECT_EQ(finding.count, 16);
    messages.push_back(finding.message);
  }
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_NE(messages[0].find("of L0C"), std::string::npos) << messages[0];
  EXPECT_NE(messages[1].find("of Vec"), std::string::npos) << messages[1];
}

TEST(NpuAnalysis, ARunWithoutTasksHasNothing) {
  const Analysis analysis = analyse(tile::Program(tile::Mode::shape_only).finish(), Chip{}, {});
  EXPECT_EQ(analysis.schedule.makespan_us, 0);
  EXPECT_TRUE(analysis.findings.empty());
}

}  // namespace
}  // namespace fulgurite::npu
