#pragma once

#include <span>
#include <vector>

#include "npu/chip.hpp"
#include "npu/dependences.hpp"
#include "npu/finding.hpp"
#include "npu/kernel_time.hpp"
#include "npu/kernels.hpp"
#include "npu/memory.hpp"
#include "npu/rules.hpp"
#include "npu/schedule.hpp"
#include "tile/trace.hpp"

namespace fulgurite::npu {

/// All that the model says of a run.
struct Analysis {
  Kernels kernels;
  std::vector<KernelMemory> memory;  ///< by kernel
  std::vector<KernelRun> runs;       ///< by kernel
  std::vector<Edge> edges;
  std::vector<ScheduleTask> tasks;  ///< by task
  Schedule schedule;
  std::vector<Finding> findings;  ///< of memory, rings and hazards; the gravest first
};

/// The tasks of a trace, each as long as its kernel's run.
std::vector<ScheduleTask> schedule_tasks(const tile::Trace& trace, const Kernels& kernels,
                                         std::span<const KernelRun> runs);

Analysis analyse(const tile::Trace& trace, const Chip& chip, const Rules& rules);

}  // namespace fulgurite::npu
