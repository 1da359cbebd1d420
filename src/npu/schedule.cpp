#include "npu/schedule.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <queue>
#include <string>
#include <tuple>

#include "fulgurite/error.hpp"
#include "npu/cores.hpp"
#include "npu/critical_path.hpp"

namespace fulgurite::npu {

using tile::TaskId;
using tile::TaskKind;

namespace {

enum class EventKind : std::uint8_t { submitted, kernel_ended, thread_free };

struct Event {
  double us;
  EventKind kind;
  std::int32_t id;  ///< of the task, the subtask or the scheduler
  friend bool operator>(const Event& a, const Event& b) {
    return std::tie(a.us, a.kind, a.id) > std::tie(b.us, b.kind, b.id);
  }
};

/// A scheduler thread.
struct Thread {
  bool is_idle = true;
  double idle_since_us = 0;
  std::int32_t completing = -1;        ///< the subtask whose completion it is handling
  std::deque<std::int32_t> completed;  ///< subtasks that ended, not handled yet
};

/// What is still to happen to a task.
struct Pending {
  std::int64_t producers = 0;  ///< edges from tasks that are not done; one more until submitted
  std::int64_t blocks = 0;     ///< not dispatched
  std::int64_t subtasks = 0;   ///< not seen
};

class Simulation {
 public:
  Simulation(const Chip& chip, std::span<const ScheduleTask> tasks, std::span<const Edge> edges);
  Schedule run();

 private:
  void apply(const Event& event);
  void submit(std::int32_t task, double now_us);
  void see(std::int32_t subtask, double now_us);
  void producer_done(std::int32_t task);
  void queue_ready(double now_us);
  void give_work(double now_us);
  bool dispatch_one(double now_us);
  [[nodiscard]] int thread_for(TaskKind kind, bool staged) const;
  void dispatch(std::int32_t task, int scheduler, bool staged, double now_us);

  static std::size_t at(std::int32_t number) { return static_cast<std::size_t>(number); }

  const Chip& chip_;
  std::span<const ScheduleTask> tasks_;
  std::span<const Edge> edges_;
  Cores cores_;
  std::vector<Thread> threads_;
  std::vector<Pending> pending_;
  std::vector<std::size_t> first_consumer_;  ///< by task, in `consumers_`; and the end
  std::vector<std::int32_t> consumers_;
  std::vector<std::int32_t> became_ready_;          ///< at this instant
  std::array<std::deque<std::int32_t>, 3> queues_;  ///< by TaskKind
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  Schedule schedule_;
};

void check(std::span<const Edge> edges, std::size_t tasks) {
  for (const Edge& edge : edges) {
    if (edge.from.valid() && edge.from < edge.to && edge.to.index() < tasks) continue;
    throw Error(ErrorKind::internal,
                "schedule: expected edges from a task to a later one, found one from " +
                    std::to_string(edge.from.value) + " to " + std::to_string(edge.to.value));
  }
}

Simulation::Simulation(const Chip& chip, std::span<const ScheduleTask> tasks,
                       std::span<const Edge> edges)
    : chip_(chip),
      tasks_(tasks),
      edges_(edges),
      cores_(chip),
      threads_(at(cores_.schedulers())),
      pending_(tasks.size()),
      first_consumer_(tasks.size() + 1) {
  check(edges, tasks.size());
  for (std::size_t task = 0; task < tasks.size(); ++task) {
    const std::int64_t blocks = std::max<std::int64_t>(tasks[task].blocks, 1);
    pending_[task] = {
        .producers = 1, .blocks = blocks, .subtasks = blocks * cores_.parts(tasks[task].kind)};
    schedule_.mix_count += tasks[task].kind == TaskKind::mixed ? 1 : 0;
  }
  for (const Edge& edge : edges) {
    ++first_consumer_[edge.from.index() + 1];
    ++pending_[edge.to.index()].producers;
  }
  for (std::size_t i = 1; i < first_consumer_.size(); ++i) {
    first_consumer_[i] += first_consumer_[i - 1];
  }
  consumers_.resize(edges.size());
  std::vector<std::size_t> next = first_consumer_;
  for (const Edge& edge : edges) consumers_[next[edge.from.index()]++] = edge.to.value;
  schedule_.submitted_us.resize(tasks.size());
  schedule_.ready_us.resize(tasks.size());
  schedule_.done_us.resize(tasks.size());
}

Schedule Simulation::run() {
  if (!tasks_.empty()) events_.push({chip_.orchestrator_us, EventKind::submitted, 0});
  while (!events_.empty()) {
    const double now_us = events_.top().us;
    while (!events_.empty() && events_.top().us == now_us) {
      const Event event = events_.top();
      events_.pop();
      apply(event);
    }
    queue_ready(now_us);
    give_work(now_us);
  }
  for (const double done_us : schedule_.done_us) {
    schedule_.makespan_us = std::max(schedule_.makespan_us, done_us);
  }
  schedule_.critical_path = critical_path(chip_, schedule_, edges_);
  return std::move(schedule_);
}

void Simulation::apply(const Event& event) {
  switch (event.kind) {
    case EventKind::submitted:
      return submit(event.id, event.us);
    case EventKind::kernel_ended: {
      const int scheduler = schedule_.subtasks[at(event.id)].scheduler;
      threads_[at(scheduler)].completed.push_back(event.id);
      return;
    }
    case EventKind::thread_free: {
      Thread& thread = threads_[at(event.id)];
      if (thread.completing >= 0) see(thread.completing, event.us);
      thread.completing = -1;
      thread.is_idle = true;
      thread.idle_since_us = event.us;
      return;
    }
  }
}

void Simulation::submit(std::int32_t task, double now_us) {
  schedule_.submitted_us[at(task)] = now_us;
  producer_done(task);
  const std::int32_t next = task + 1;
  if (at(next) == tasks_.size()) return;
  events_.push({chip_.orchestrator_us * (next + 1), EventKind::submitted, next});
}

void Simulation::see(std::int32_t subtask, double now_us) {
  Subtask& seen = schedule_.subtasks[at(subtask)];
  seen.seen_us = now_us;
  cores_.release(seen.core, now_us);
  const std::size_t task = seen.task.index();
  if (--pending_[task].subtasks != 0) return;
  schedule_.done_us[task] = now_us;
  for (std::size_t i = first_consumer_[task]; i < first_consumer_[task + 1]; ++i) {
    producer_done(consumers_[i]);
  }
}

void Simulation::producer_done(std::int32_t task) {
  if (--pending_[at(task)].producers == 0) became_ready_.push_back(task);
}

void Simulation::queue_ready(double now_us) {
  std::ranges::sort(became_ready_);
  for (const std::int32_t task : became_ready_) {
    schedule_.ready_us[at(task)] = now_us;
    queues_[static_cast<std::size_t>(tasks_[at(task)].kind)].push_back(task);
  }
  became_ready_.clear();
}

void Simulation::give_work(double now_us) {
  for (std::int32_t scheduler = 0; scheduler < cores_.schedulers(); ++scheduler) {
    Thread& thread = threads_[at(scheduler)];
    if (!thread.is_idle || thread.completed.empty()) continue;
    thread.is_idle = false;
    thread.completing = thread.completed.front();
    thread.completed.pop_front();
    events_.push({now_us + chip_.completion_us, EventKind::thread_free, scheduler});
  }
  while (dispatch_one(now_us)) {
  }
}

/// Dispatches a block of the first ready task, by priority of its kind, for which a thread and a
/// place are free; false if there is none.
bool Simulation::dispatch_one(double now_us) {
  for (const TaskKind kind : {TaskKind::mixed, TaskKind::cube, TaskKind::vector}) {
    std::deque<std::int32_t>& queue = queues_[static_cast<std::size_t>(kind)];
    if (queue.empty()) continue;
    const bool staged = !cores_.any_idle(kind);
    const int scheduler = thread_for(kind, staged);
    if (scheduler < 0) continue;
    const std::int32_t task = queue.front();
    dispatch(task, scheduler, staged, now_us);
    if (pending_[at(task)].blocks == 0) queue.pop_front();
    return true;
  }
  return false;
}

int Simulation::thread_for(TaskKind kind, bool staged) const {
  int best = -1;
  for (int scheduler = 0; scheduler < cores_.schedulers(); ++scheduler) {
    const Thread& thread = threads_[at(scheduler)];
    if (!thread.is_idle) continue;
    if (best >= 0 && threads_[at(best)].idle_since_us <= thread.idle_since_us) continue;
    const std::int32_t place =
        staged ? cores_.staging_place(scheduler, kind) : cores_.idle_place(scheduler, kind);
    if (place != Cores::kNone) best = scheduler;
  }
  return best;
}

void Simulation::dispatch(std::int32_t task, int scheduler, bool staged, double now_us) {
  const TaskKind kind = tasks_[at(task)].kind;
  const KernelTime& time = tasks_[at(task)].time;
  const std::int32_t place =
      staged ? cores_.staging_place(scheduler, kind) : cores_.idle_place(scheduler, kind);
  const double free_us = staged ? now_us : cores_.idle_since_us(kind);
  const int parts = cores_.parts(kind);
  double start_us = now_us + parts * chip_.dispatch_us + chip_.start_us;
  for (int part = 0; part < parts; ++part) {
    start_us = std::max(start_us, cores_.end_us(cores_.core(kind, place, part)));
  }
  const std::int64_t blocks = std::max<std::int64_t>(tasks_[at(task)].blocks, 1);
  const auto block = static_cast<std::int32_t>(blocks - pending_[at(task)].blocks--);
  for (int part = 0; part < parts; ++part) {
    const double side_us = part == 0 ? time.cube_us : time.vector_us;
    const double end_us = start_us + (parts == 1 ? time.us() : side_us);
    const std::int32_t core = cores_.core(kind, place, part);
    cores_.occupy(core, now_us, end_us);
    events_.push(
        {end_us, EventKind::kernel_ended, static_cast<std::int32_t>(schedule_.subtasks.size())});
    schedule_.subtasks.push_back({.task = {task},
                                  .block = block,
                                  .core = core,
                                  .scheduler = scheduler,
                                  .core_free_us = free_us,
                                  .dispatched_us = now_us + part * chip_.dispatch_us,
                                  .start_us = start_us,
                                  .end_us = end_us});
  }
  threads_[at(scheduler)].is_idle = false;
  events_.push({now_us + parts * chip_.dispatch_us, EventKind::thread_free, scheduler});
}

}  // namespace

Schedule schedule(const Chip& chip, std::span<const ScheduleTask> tasks,
                  std::span<const Edge> edges) {
  return Simulation(chip, tasks, edges).run();
}

}  // namespace fulgurite::npu
