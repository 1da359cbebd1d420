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

/// One subtask on one core: a block of a cube or vector task, or one of the parts of a block of a
/// mixed one, which is one for each core of a cluster. Microseconds from the start of the run.
struct Subtask {
  tile::TaskId task;
  std::int32_t block = 0;
  std::int32_t core =
      0;  ///< AIC c of cluster c is c; AIV l of it is clusters + aiv_per_cluster*c + l
  std::int32_t scheduler = 0;
  double core_free_us = 0;   ///< since when a core that fits was free; dispatched_us if staged
  double dispatched_us = 0;  ///< when the scheduler began to dispatch it
  double start_us = 0;       ///< of the kernel; the parts of a mixed block start together
  double end_us = 0;
  double seen_us = 0;  ///< when the scheduler had handled its completion
};

/// What a stretch of the makespan was spent on.
enum class Spent : std::uint8_t {
  orchestrator,  ///< submitting this task and all before it
  scheduler,     ///< dispatching, starting, noticing the end; and waiting for a thread to do so
  waiting,       ///< ready to run, but every core that fits was taken
  compute,       ///< the kernel ran
};
inline constexpr std::size_t kSpent = 4;
std::string_view name(Spent spent);

/// One stretch of the critical path.
struct PathStep {
  tile::TaskId task;
  Spent spent = Spent::compute;
  double from_us = 0;
  double to_us = 0;
};

struct Schedule {
  double makespan_us = 0;            ///< when the last completion was seen
  std::vector<double> submitted_us;  ///< by task
  std::vector<double> ready_us;      ///< by task: submitted, and all producers seen
  std::vector<double> done_us;       ///< by task: all its subtasks seen
  std::vector<Subtask> subtasks;     ///< in the order of dispatch; those of a block stand together
  /// From the subtask that was seen last back through dispatch, readiness, and whichever made its
  /// task ready last: the producer that was seen last, or the orchestrator, which ends it. So time
  /// in which a task waits for a dependence is told as what its producer did. In the order of time;
  /// the steps tile [0, makespan]: each begins, to the bit, where the one before ends.
  std::vector<PathStep> critical_path;
  std::int64_t mix_count = 0;  ///< mixed tasks
};

/// Runs the tasks, submitted in program order, on the model of the runtime. Source: a2a3 runtime
/// facts of hw-native-sys/simpler (RUNTIME_LOGIC.md, docs/hardware); see docs/npu-model.md.
/// - One orchestrator submits a task each `orchestrator_us`.
/// - A task is ready once it is submitted and its last producer's completion was handled. Ready
///   tasks queue by kind, first in first out (of one instant: by number); mixed before cube before
///   vector. The blocks of an spmd go out one by one, before the tasks behind it in the queue.
/// - Each of `schedulers` threads owns an equal part of the clusters and does one thing at a time:
///   it handles a completion of one of its cores (`completion_us`), in the order in which kernels
///   ended, or else dispatches a block (`dispatch_us` for each of its subtasks). Of idle threads
///   with a free core that fits, the one that has been idle longest takes the task.
/// - A core is free again when its completion was handled. A mixed block takes a whole cluster.
/// - Only if no core of the chip that fits is free, a block is staged behind a running one, up to
///   `pending_per_core` of them. It then starts when that kernel ends.
/// - Otherwise a kernel starts `start_us` after its dispatch.
/// Deterministic. Edges whose `from` is not before `to` throw Error(internal).
Schedule schedule(const Chip& chip, std::span<const ScheduleTask> tasks,
                  std::span<const Edge> edges);

}  // namespace fulgurite::npu
