#include "study/path_runs.hpp"

#include <gtest/gtest.h>

#include "tile/tile.hpp"

namespace fulgurite::study {
namespace {

using namespace tile;
using npu::Spent;

/// A trace of tasks of these scopes, and a path through all of them, one microsecond each.
struct Path {
  Trace trace;
  npu::Schedule schedule;
};
Path path_of(const std::vector<std::string>& scopes) {
  Program pl(Mode::shape_only);
  const Tensor x = pl.input("x", DType::f32, {8, 8}, nullptr);
  Path path;
  for (std::size_t i = 0; i < scopes.size(); ++i) {
    const TaskId task = pl.at(pl.intern(scopes[i]), [&] { exp(x); });
    const auto from = static_cast<double>(i);
    path.schedule.critical_path.push_back({task, Spent::scheduler, from, from + 0.25});
    path.schedule.critical_path.push_back({task, Spent::compute, from + 0.25, from + 1});
  }
  path.schedule.makespan_us = static_cast<double>(scopes.size());
  path.trace = pl.finish();
  return path;
}

/// "a x3 | b, c x4 in 2 turns"
std::string text(const Path& path) {
  std::string result;
  for (const PathRun& run : path_runs(path.trace, path.schedule)) {
    if (!result.empty()) result += " | ";
    for (const std::string& scope : run.scopes) {
      result += (&scope == &run.scopes.front() ? "" : ", ") + scope;
    }
    result += " x" + std::to_string(run.tasks);
    if (run.turns > 1) result += " in " + std::to_string(run.turns) + " turns";
  }
  return result;
}

TEST(StudyPathRuns, NeighboursOfAScopeAreOne) {
  EXPECT_EQ(text(path_of({"a", "a", "a", "b"})), "a x3 | b x1");
}

TEST(StudyPathRuns, ScopesThatTakeTurnsAreOne) {
  EXPECT_EQ(text(path_of({"a", "b", "c", "b", "c", "d"})), "a x1 | b, c x4 in 2 turns | d x1");
  EXPECT_EQ(text(path_of({"a", "b", "c", "a", "b", "c", "a", "b", "c"})), "a, b, c x9 in 3 turns");
}

TEST(StudyPathRuns, SpendWhatTheirStepsSpend) {
  const Path path = path_of({"a", "a", "b"});
  const std::vector<PathRun> runs = path_runs(path.trace, path.schedule);
  EXPECT_EQ(runs[0].from_us, 0);
  EXPECT_EQ(runs[0].to_us, 2);
  EXPECT_EQ(runs[0].spent_us[static_cast<std::size_t>(Spent::scheduler)], 0.5);
  EXPECT_EQ(runs[0].spent_us[static_cast<std::size_t>(Spent::compute)], 1.5);
  EXPECT_EQ(spent_us(path.schedule)[static_cast<std::size_t>(Spent::compute)], 2.25);
}

TEST(StudyPathRuns, OfNothingThereAreNone) { EXPECT_EQ(text(path_of({})), ""); }

}  // namespace
}  // namespace fulgurite::study
