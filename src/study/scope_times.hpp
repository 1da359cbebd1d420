#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "npu/analysis.hpp"

namespace fulgurite::study {

/// Where the time of a task goes, from its submission until its end was seen. Microseconds.
struct TaskTime {
  double orchestrator_us = 0;  ///< its own submission
  double dependence_us = 0;    ///< until its last producer's end was seen
  double core_us = 0;          ///< until a core that fits was free
  double scheduler_us = 0;     ///< dispatch, start, noticing the end, and waiting for a thread
  double compute_us = 0;
};

/// What the tasks of one scope do in a schedule.
struct ScopeTimes {
  std::string scope;  ///< full name
  tile::TaskKind kind = tile::TaskKind::vector;
  std::int64_t tasks = 0;
  std::int64_t subtasks = 0;
  std::int64_t cores = 0;  ///< that ran one of them
  double first_start_us = 0;
  double last_end_us = 0;
  npu::KernelTime kernel;                     ///< the mean over its tasks
  TaskTime task;                              ///< the mean over its tasks
  std::array<double, npu::kSpent> path_us{};  ///< of the makespan, by Spent
};

/// In the order of their first tasks.
std::vector<ScopeTimes> scope_times(const tile::Trace& trace, const npu::Chip& chip,
                                    const npu::Analysis& analysis);

}  // namespace fulgurite::study
