#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "npu/schedule.hpp"

namespace fulgurite::study {

/// A stretch of the critical path: tasks of one scope one after another, or a few scopes that take
/// turns.
struct PathRun {
  std::vector<std::string> scopes;  ///< full names, in their order
  std::int64_t tasks = 0;
  std::int64_t turns = 1;  ///< how often the scopes follow each other
  double from_us = 0;
  double to_us = 0;
  std::array<double, npu::kSpent> spent_us{};
};

std::vector<PathRun> path_runs(const tile::Trace& trace, const npu::Schedule& schedule);

/// What the makespan was spent on, by Spent.
std::array<double, npu::kSpent> spent_us(const npu::Schedule& schedule);

}  // namespace fulgurite::study
