#include "npu/bounds.hpp"

#include <algorithm>

namespace fulgurite::npu {
namespace {

Chip without_runtime(Chip chip) {
  chip.orchestrator_us = 0;
  chip.dispatch_us = 0;
  chip.completion_us = 0;
  chip.start_us = 0;
  return chip;
}

/// Each scheduler's part is enough for all.
Chip with_cores_for_all(Chip chip, std::span<const ScheduleTask> tasks) {
  double blocks = 0;
  for (const ScheduleTask& task : tasks) blocks += static_cast<double>(task.blocks);
  chip.clusters = std::max(chip.clusters, chip.schedulers * blocks);
  return chip;
}

}  // namespace

std::vector<double> compute_paths(std::span<const ScheduleTask> tasks,
                                  std::span<const Edge> edges) {
  std::vector<std::vector<std::size_t>> producers(tasks.size());
  for (const Edge& edge : edges) producers[edge.to.index()].push_back(edge.from.index());
  std::vector<double> path_us(tasks.size());
  for (std::size_t task = 0; task < tasks.size(); ++task) {
    double longest_us = 0;
    for (const std::size_t from : producers[task]) longest_us = std::max(longest_us, path_us[from]);
    path_us[task] = longest_us + tasks[task].time.us();
  }
  return path_us;
}

Bounds bounds(const Chip& chip, std::span<const ScheduleTask> tasks, std::span<const Edge> edges) {
  Bounds result;
  result.no_runtime_us = schedule(without_runtime(chip), tasks, edges).makespan_us;
  result.infinite_cores_us = schedule(with_cores_for_all(chip, tasks), tasks, edges).makespan_us;
  result.orchestrator_us = chip.orchestrator_us * static_cast<double>(tasks.size());
  for (const double path_us : compute_paths(tasks, edges)) {
    result.compute_path_us = std::max(result.compute_path_us, path_us);
  }
  double bytes = 0;
  for (const ScheduleTask& task : tasks) {
    bytes += task.time.gm_bytes * static_cast<double>(std::max<std::int64_t>(task.blocks, 1));
  }
  result.memory_us = bytes / (chip.die_gb_per_s * 1e3);
  return result;
}

}  // namespace fulgurite::npu
