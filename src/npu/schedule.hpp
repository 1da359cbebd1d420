#pragma once

#include <span>
#include <vector>

#include "npu/chip.hpp"
#include "npu/dependences.hpp"
#include "npu/kernel_time.hpp"
#include "tile/trace.hpp"

namespace fulgurite::npu {

/// A task as the scheduler sees it.
struct ScheduleTask {
  tile::TaskKind kind = tile::TaskKind::vector;
  std::int64_t blocks = 1;  ///< an spmd's; its blocks go out in waves
  KernelTime time;          ///< of a block
};

/// One subtask on one core: a block of a cube or vector task, or one of the three parts of a block
/// of a mixed one. Microseconds from the start of the run.
struct Subtask {
  tile::TaskId task;
  std::int32_t block = 0;
  std::int32_t core = 0;  ///< AIC c of cluster c is c; AIV l of cluster c is clusters + 2c + l
  std::int32_t scheduler = 0;
  double dispatched_us = 0;  ///< when the scheduler began to dispatch it
  double start_us = 0;       ///< of the kernel
  double end_us = 0;
  double seen_us = 0;  ///< when the scheduler had handled its completion
};

/// What a stretch of the makespan was spent on.
enum class Spent : std::uint8_t { orchestrator, scheduler, waiting, compute };

/// One stretch of the critical path; the stretches tile [0, makespan].
struct PathStep {
  tile::TaskId task;
  Spent spent = Spent::compute;
  double from_us = 0;
  double to_us = 0;
};

struct Schedule {
  double makespan_us = 0;
  std::vector<double> submitted_us;  ///< by task
  std::vector<double> ready_us;      ///< by task: submitted, and all producers seen
  std::vector<double> done_us;       ///< by task: all its subtasks seen
  std::vector<Subtask> subtasks;     ///< in the order of dispatch
  std::vector<PathStep> critical_path;
  std::int64_t subtask_count = 0;
  std::int64_t mix_count = 0;
};

/// Runs the tasks, in program order of submission, on the model of the runtime. Deterministic.
/// `edges` whose `from` is not before `to` throw Error(internal).
Schedule schedule(const Chip& chip, std::span<const ScheduleTask> tasks,
                  std::span<const Edge> edges);

}  // namespace fulgurite::npu
