#include "study/path_runs.hpp"

#include <algorithm>

namespace fulgurite::study {
namespace {

constexpr std::size_t kMostScopes = 8;  ///< that take turns

/// Neighbours of one scope become one run.
std::vector<PathRun> runs_of_scopes(const tile::Trace& trace, const npu::Schedule& schedule) {
  std::vector<PathRun> runs;
  tile::TaskId task;
  for (const npu::PathStep& step : schedule.critical_path) {
    const std::string scope = full_name(trace, trace[step.task].scope);
    if (runs.empty() || runs.back().scopes.front() != scope) {
      runs.push_back({.scopes = {scope}, .from_us = step.from_us});
    }
    PathRun& run = runs.back();
    if (step.task != task) ++run.tasks;
    task = step.task;
    run.to_us = step.to_us;
    run.spent_us[static_cast<std::size_t>(step.spent)] += step.to_us - step.from_us;
  }
  return runs;
}

/// How often the `period` runs from `first` on follow each other.
std::size_t turns_at(const std::vector<PathRun>& runs, std::size_t first, std::size_t period) {
  std::size_t at = first + period;
  while (at < runs.size() && runs[at].scopes == runs[at - period].scopes) ++at;
  return (at - first) / period;
}

PathRun joined(const std::vector<PathRun>& runs, std::size_t first, std::size_t period,
               std::size_t turns) {
  PathRun result;
  result.turns = static_cast<std::int64_t>(turns);
  result.from_us = runs[first].from_us;
  for (std::size_t i = first; i < first + period * turns; ++i) {
    if (i < first + period) result.scopes.push_back(runs[i].scopes.front());
    result.tasks += runs[i].tasks;
    result.to_us = runs[i].to_us;
    for (std::size_t spent = 0; spent < npu::kSpent; ++spent) {
      result.spent_us[spent] += runs[i].spent_us[spent];
    }
  }
  return result;
}

}  // namespace

std::vector<PathRun> path_runs(const tile::Trace& trace, const npu::Schedule& schedule) {
  const std::vector<PathRun> runs = runs_of_scopes(trace, schedule);
  std::vector<PathRun> result;
  for (std::size_t first = 0; first < runs.size();) {
    std::size_t best_period = 1;
    std::size_t best_turns = 1;
    for (std::size_t period = 2; period <= std::min(kMostScopes, runs.size() - first); ++period) {
      const std::size_t turns = turns_at(runs, first, period);
      if (turns > 1 && period * turns > best_period * best_turns) {
        best_period = period;
        best_turns = turns;
      }
    }
    result.push_back(joined(runs, first, best_period, best_turns));
    first += best_period * best_turns;
  }
  return result;
}

std::array<double, npu::kSpent> spent_us(const npu::Schedule& schedule) {
  std::array<double, npu::kSpent> sums{};
  for (const npu::PathStep& step : schedule.critical_path) {
    sums[static_cast<std::size_t>(step.spent)] += step.to_us - step.from_us;
  }
  return sums;
}

}  // namespace fulgurite::study
