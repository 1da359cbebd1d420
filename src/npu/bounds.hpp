#pragma once

#include <span>

#include "npu/schedule.hpp"

namespace fulgurite::npu {

/// What the makespan would be if only one thing counted. Microseconds.
struct Bounds {
  double no_runtime_us = 0;      ///< the schedule with a runtime that costs nothing
  double infinite_cores_us = 0;  ///< the schedule with a cluster for every subtask
  double orchestrator_us = 0;    ///< submitting all tasks, one after another
  double compute_path_us = 0;    ///< the longest path of kernels along the edges
  double memory_us = 0;          ///< all bytes to and from GM at the rate of the die
};

Bounds bounds(const Chip& chip, std::span<const ScheduleTask> tasks, std::span<const Edge> edges);

/// By task: the longest sum of kernel times along the edges that ends with it.
std::vector<double> compute_paths(std::span<const ScheduleTask> tasks, std::span<const Edge> edges);

}  // namespace fulgurite::npu
