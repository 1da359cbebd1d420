#include "npu/schedule.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <array>
#include <map>

#include "fulgurite/error.hpp"
#include "npu/bounds.hpp"

namespace fulgurite::npu {
namespace {

using tile::TaskKind;

/// One cluster, one thread, round costs.
Chip small_chip() {
  Chip chip;
  chip.clusters = 1;
  chip.schedulers = 1;
  chip.orchestrator_us = 1;
  chip.dispatch_us = 0.25;
  chip.completion_us = 0.5;
  chip.start_us = 2;
  return chip;
}

ScheduleTask cube(double us) { return {.kind = TaskKind::cube, .time = {.cube_us = us}}; }
ScheduleTask vector(double us) { return {.kind = TaskKind::vector, .time = {.vector_us = us}}; }
ScheduleTask mixed(double cube_us, double vector_us) {
  return {.kind = TaskKind::mixed, .time = {.cube_us = cube_us, .vector_us = vector_us}};
}
Edge edge(std::int32_t from, std::int32_t to) {
  Edge edge;
  edge.from = {from};
  edge.to = {to};
  return edge;
}

double sum_of(const Schedule& schedule, Spent spent) {
  double us = 0;
  for (const PathStep& step : schedule.critical_path) {
    if (step.spent == spent) us += step.to_us - step.from_us;
  }
  return us;
}

// ---- By hand

TEST(NpuSchedule, NoTaskTakesNoTime) {
  const Schedule result = schedule(Chip(), {}, {});
  EXPECT_EQ(result.makespan_us, 0);
  EXPECT_TRUE(result.critical_path.empty());
}

TEST(NpuSchedule, OneTaskIsSubmittedDispatchedStartedRunAndSeen) {
  const Schedule result = schedule(small_chip(), std::vector{cube(10)}, {});
  ASSERT_EQ(result.subtasks.size(), 1);
  EXPECT_EQ(result.submitted_us[0], 1);
  EXPECT_EQ(result.subtasks[0].dispatched_us, 1);
  EXPECT_EQ(result.subtasks[0].start_us, 3.25);
  EXPECT_EQ(result.subtasks[0].end_us, 13.25);
  EXPECT_EQ(result.makespan_us, 13.75);
  EXPECT_EQ(sum_of(result, Spent::orchestrator), 1);
  EXPECT_EQ(sum_of(result, Spent::scheduler), 2.75);
  EXPECT_EQ(sum_of(result, Spent::waiting), 0);
  EXPECT_EQ(sum_of(result, Spent::compute), 10);
}

TEST(NpuSchedule, AConsumerStartsOnceTheProducersEndWasSeen) {
  const Schedule result =
      schedule(small_chip(), std::vector{cube(10), vector(4)}, std::vector{edge(0, 1)});
  EXPECT_EQ(result.ready_us[1], 13.75);
  EXPECT_EQ(result.subtasks[1].start_us, 16);
  EXPECT_EQ(result.makespan_us, 20.5);
  EXPECT_EQ(sum_of(result, Spent::compute), 14);
  EXPECT_EQ(sum_of(result, Spent::scheduler), 5.5);
}

TEST(NpuSchedule, AStagedTaskStartsWhenTheRunningOneEnds) {
  const Schedule result = schedule(small_chip(), std::vector{cube(10), cube(5)}, {});
  EXPECT_EQ(result.subtasks[1].dispatched_us, 2);
  EXPECT_EQ(result.subtasks[1].start_us, 13.25);
  EXPECT_EQ(result.makespan_us, 18.75);
  EXPECT_EQ(sum_of(result, Spent::orchestrator), 2);
  EXPECT_EQ(sum_of(result, Spent::scheduler), 2.75);
  EXPECT_EQ(sum_of(result, Spent::waiting), 9);
  EXPECT_EQ(sum_of(result, Spent::compute), 5);
}

TEST(NpuSchedule, BehindAShortTaskTheStartIsNotHidden) {
  const Schedule result = schedule(small_chip(), std::vector{cube(0.5), cube(5)}, {});
  EXPECT_EQ(result.subtasks[0].end_us, 3.75);
  EXPECT_EQ(result.subtasks[1].start_us, 4.25);
}

TEST(NpuSchedule, WithoutStagingATaskWaitsUntilTheCoreIsSeenFree) {
  Chip chip = small_chip();
  chip.pending_per_core = 0;
  const Schedule result = schedule(chip, std::vector{cube(10), cube(5)}, {});
  EXPECT_EQ(result.subtasks[1].dispatched_us, 13.75);
  EXPECT_EQ(result.makespan_us, 21.5);
  EXPECT_EQ(sum_of(result, Spent::waiting), 11.75);
}

TEST(NpuSchedule, OneTaskOnlyIsStagedOnACore) {
  const Schedule result = schedule(small_chip(), std::vector{cube(10), cube(5), cube(1)}, {});
  EXPECT_EQ(result.subtasks[2].dispatched_us, 13.75);
  EXPECT_EQ(result.subtasks[2].start_us, 18.25);
}

TEST(NpuSchedule, AMixedTaskIsThreeSubtasksThatStartTogether) {
  const Schedule result = schedule(small_chip(), std::vector{mixed(10, 4)}, {});
  ASSERT_EQ(result.subtasks.size(), 3);
  EXPECT_EQ(result.mix_count, 1);
  for (const Subtask& subtask : result.subtasks) EXPECT_EQ(subtask.start_us, 3.75);
  EXPECT_EQ(result.subtasks[2].dispatched_us, 1.5);
  EXPECT_EQ(result.subtasks[1].end_us, 7.75);
  EXPECT_EQ(result.subtasks[1].seen_us, 8.25);
  EXPECT_EQ(result.subtasks[2].seen_us, 8.75);
  EXPECT_EQ(result.subtasks[0].seen_us, 14.25);
  EXPECT_EQ(result.makespan_us, 14.25);
}

TEST(NpuSchedule, LanesOfAMixedTaskAreFreeAsTheyFinish) {
  const Schedule result =
      schedule(small_chip(), std::vector{mixed(10, 4), vector(1)}, std::vector<Edge>{});
  EXPECT_EQ(result.subtasks[3].dispatched_us, 2);
  Chip chip = small_chip();
  chip.pending_per_core = 0;
  const Schedule unstaged = schedule(chip, std::vector{mixed(10, 4), vector(1)}, {});
  // Lane 0 is seen to be free at 8.25; the thread goes on with the end of lane 1 first.
  EXPECT_EQ(unstaged.subtasks[3].dispatched_us, 8.75);
}

TEST(NpuSchedule, MixedTasksGoFirstThenCubeThenVector) {
  Chip chip = small_chip();
  chip.pending_per_core = 0;
  // All become ready when task 0 is seen.
  const std::vector tasks{cube(10), vector(1), cube(1), mixed(1, 1)};
  const Schedule result = schedule(chip, tasks, std::vector{edge(0, 1), edge(0, 2), edge(0, 3)});
  EXPECT_EQ(result.subtasks[1].task.value, 3);
  EXPECT_EQ(result.subtasks[4].task.value, 2);
  EXPECT_EQ(result.subtasks[5].task.value, 1);
}

TEST(NpuSchedule, BlocksOfAnSpmdGoOutInWaves) {
  Chip chip = small_chip();
  chip.pending_per_core = 0;
  ScheduleTask task = vector(10);
  task.blocks = 5;
  const Schedule result = schedule(chip, std::vector{task}, {});
  ASSERT_EQ(result.subtasks.size(), 5);
  // Ends at 13.25 and 13.5 are handled until 14.25; only then the next two blocks go out.
  std::vector<double> starts;
  for (const Subtask& subtask : result.subtasks) starts.push_back(subtask.start_us);
  EXPECT_EQ(starts, (std::vector{3.25, 3.5, 16.5, 16.75, 29.75}));
  EXPECT_EQ(result.done_us[0], result.makespan_us);
  EXPECT_EQ(result.makespan_us, 40.25);
}

TEST(NpuSchedule, ATaskOfAnotherThreadIsNotHeldUp) {
  Chip chip = small_chip();
  chip.clusters = 2;
  chip.schedulers = 2;
  const Schedule result = schedule(chip, std::vector{cube(10), cube(10)}, {});
  EXPECT_NE(result.subtasks[0].scheduler, result.subtasks[1].scheduler);
  EXPECT_EQ(result.subtasks[1].start_us, 4.25);
  EXPECT_EQ(result.makespan_us, 14.75);
}

TEST(NpuSchedule, EdgesBackwardsAreRefused) {
  for (const Edge& wrong : {edge(1, 0), edge(0, 0), edge(0, 2), edge(-1, 1)}) {
    EXPECT_THROW(schedule(Chip(), std::vector{cube(1), cube(1)}, std::vector{wrong}), Error);
  }
}

TEST(NpuBounds, OfATinyGraphByHand) {
  std::vector tasks{cube(10), vector(4), vector(4)};
  tasks[0].time.gm_bytes = 3.2e6;
  const Bounds result =
      bounds(small_chip(), tasks, std::vector{edge(0, 1), edge(0, 2), edge(1, 2)});
  EXPECT_EQ(result.no_runtime_us, 18);
  EXPECT_EQ(result.compute_path_us, 18);
  EXPECT_EQ(result.orchestrator_us, 3);
  EXPECT_EQ(result.memory_us, 2);
  EXPECT_EQ(result.infinite_cores_us, 13.75 + 2.25 + 4.5 + 2.25 + 4.5);
}

// ---- Of any graph

struct Graph {
  Chip chip;
  std::vector<ScheduleTask> tasks;
  std::vector<Edge> edges;
};

double quarters(int most) { return 0.25 * *rc::gen::inRange(0, most + 1); }

Graph any_graph() {
  Graph graph;
  graph.chip.clusters = *rc::gen::inRange(1, 9);
  graph.chip.schedulers = *rc::gen::inRange(1, 5);
  graph.chip.pending_per_core = *rc::gen::inRange(0, 3);
  graph.chip.orchestrator_us = quarters(8);
  graph.chip.dispatch_us = quarters(4);
  graph.chip.completion_us = quarters(4);
  graph.chip.start_us = quarters(8);
  const int count = *rc::gen::inRange(1, 40);
  for (int task = 0; task < count; ++task) {
    ScheduleTask next;
    next.kind = *rc::gen::element(TaskKind::cube, TaskKind::vector, TaskKind::mixed);
    if (next.kind != TaskKind::vector) next.time.cube_us = quarters(80);
    if (next.kind != TaskKind::cube) next.time.vector_us = quarters(80);
    next.blocks = *rc::gen::weightedElement<std::int64_t>({{4, 1}, {1, 2}, {1, 30}});
    graph.tasks.push_back(next);
    const int producers = task == 0 ? 0 : *rc::gen::inRange(0, 4);
    for (int i = 0; i < producers; ++i) {
      graph.edges.push_back(edge(*rc::gen::inRange(0, task), task));
    }
  }
  return graph;
}

RC_GTEST_PROP(NpuSchedule, IsTheSameEachTime, ()) {
  const Graph graph = any_graph();
  const Schedule a = schedule(graph.chip, graph.tasks, graph.edges);
  const Schedule b = schedule(graph.chip, graph.tasks, graph.edges);
  RC_ASSERT(a.done_us == b.done_us);
  RC_ASSERT(a.subtasks.size() == b.subtasks.size());
}

RC_GTEST_PROP(NpuSchedule, NothingIsEarlierThanTheSumAlongAnyPath, ()) {
  const Graph graph = any_graph();
  const Schedule result = schedule(graph.chip, graph.tasks, graph.edges);
  // Each task costs its kernel and, at the least, one dispatch, one start and one completion.
  std::vector<ScheduleTask> costly = graph.tasks;
  for (ScheduleTask& task : costly) {
    const double runtime_us = graph.chip.dispatch_us + graph.chip.completion_us;
    // Staged tasks start without a latency, so that is no part of the bound.
    task.time.cube_us = task.time.us() + runtime_us;
  }
  const std::vector<double> paths = compute_paths(costly, graph.edges);
  for (std::size_t task = 0; task < paths.size(); ++task) {
    RC_ASSERT(result.done_us[task] + 1e-9 >= paths[task] + graph.chip.orchestrator_us);
    RC_ASSERT(result.ready_us[task] >= result.submitted_us[task]);
  }
  for (const Edge& edge : graph.edges) {
    RC_ASSERT(result.ready_us[edge.to.index()] >= result.done_us[edge.from.index()]);
  }
}

RC_GTEST_PROP(NpuSchedule, EveryBlockRunsOnceOnCoresThatFit, ()) {
  const Graph graph = any_graph();
  const Schedule result = schedule(graph.chip, graph.tasks, graph.edges);
  const auto clusters = static_cast<std::int32_t>(graph.chip.clusters);
  const auto schedulers = static_cast<std::int32_t>(graph.chip.schedulers);
  std::map<std::pair<std::int32_t, std::int32_t>, std::vector<const Subtask*>> blocks;
  for (const Subtask& subtask : result.subtasks) {
    blocks[{subtask.task.value, subtask.block}].push_back(&subtask);
    RC_ASSERT(subtask.dispatched_us >= result.ready_us[subtask.task.index()]);
    RC_ASSERT(subtask.core_free_us <= subtask.dispatched_us);
    const std::int32_t cluster =
        subtask.core < clusters ? subtask.core : (subtask.core - clusters) / 2;
    RC_ASSERT(cluster >= subtask.scheduler * clusters / schedulers);
    RC_ASSERT(cluster < (subtask.scheduler + 1) * clusters / schedulers);
  }
  std::size_t expected = 0;
  for (const ScheduleTask& task : graph.tasks) expected += static_cast<std::size_t>(task.blocks);
  RC_ASSERT(blocks.size() == expected);
  for (const auto& [block, subtasks] : blocks) {
    const TaskKind kind = graph.tasks[static_cast<std::size_t>(block.first)].kind;
    RC_ASSERT(subtasks.size() == (kind == TaskKind::mixed ? 3U : 1U));
    RC_ASSERT((subtasks[0]->core < clusters) == (kind != TaskKind::vector));
    if (kind != TaskKind::mixed) continue;
    for (const std::int32_t lane : {0, 1}) {
      const Subtask& other = *subtasks[static_cast<std::size_t>(lane) + 1];
      RC_ASSERT(other.core == clusters + 2 * subtasks[0]->core + lane);
      RC_ASSERT(other.start_us == subtasks[0]->start_us);
    }
  }
}

RC_GTEST_PROP(NpuSchedule, CoresAndThreadsDoOneThingAtATime, ()) {
  const Graph graph = any_graph();
  const Schedule result = schedule(graph.chip, graph.tasks, graph.edges);
  using Spans = std::vector<std::pair<double, double>>;
  std::map<std::int32_t, Spans> cores;
  std::map<std::int32_t, Spans> threads;
  for (const Subtask& subtask : result.subtasks) {
    cores[subtask.core].emplace_back(subtask.start_us, subtask.end_us);
    Spans& thread = threads[subtask.scheduler];
    thread.emplace_back(subtask.dispatched_us, subtask.dispatched_us + graph.chip.dispatch_us);
    thread.emplace_back(subtask.seen_us - graph.chip.completion_us, subtask.seen_us);
    RC_ASSERT(subtask.seen_us - graph.chip.completion_us >= subtask.end_us);
  }
  for (auto* each : {&cores, &threads}) {
    for (auto& [number, spans] : *each) {
      std::ranges::sort(spans);
      for (std::size_t i = 1; i < spans.size(); ++i) {
        RC_ASSERT(spans[i].first >= spans[i - 1].second);
      }
    }
  }
}

RC_GTEST_PROP(NpuSchedule, NoMoreThanTheLimitIsStaged, ()) {
  const Graph graph = any_graph();
  const Schedule result = schedule(graph.chip, graph.tasks, graph.edges);
  std::map<std::int32_t, std::vector<const Subtask*>> cores;
  for (const Subtask& subtask : result.subtasks) cores[subtask.core].push_back(&subtask);
  const auto most = 1 + static_cast<std::size_t>(graph.chip.pending_per_core);
  for (const auto& [core, subtasks] : cores) {
    for (std::size_t i = most; i < subtasks.size(); ++i) {
      std::size_t unseen = 0;
      for (std::size_t earlier = 0; earlier < i; ++earlier) {
        if (subtasks[earlier]->seen_us > subtasks[i]->dispatched_us) ++unseen;
      }
      RC_ASSERT(unseen < most);
    }
  }
}

RC_GTEST_PROP(NpuSchedule, TheCriticalPathTilesTheMakespan, ()) {
  const Graph graph = any_graph();
  const Schedule result = schedule(graph.chip, graph.tasks, graph.edges);
  double at_us = 0;
  std::int32_t task = 0;
  for (const PathStep& step : result.critical_path) {
    RC_ASSERT(step.from_us == at_us);
    RC_ASSERT(step.to_us > step.from_us);
    RC_ASSERT(step.task.value >= task);
    at_us = step.to_us;
    task = step.task.value;
  }
  RC_ASSERT(at_us == result.makespan_us);
  const double parts = sum_of(result, Spent::orchestrator) + sum_of(result, Spent::scheduler) +
                       sum_of(result, Spent::waiting) + sum_of(result, Spent::compute);
  RC_ASSERT(std::abs(parts - result.makespan_us) <= 1e-9);
}

RC_GTEST_PROP(NpuSchedule, AChainTakesLongerIfAnythingCostsMore, ()) {
  const int count = *rc::gen::inRange(1, 20);
  std::vector<ScheduleTask> tasks;
  std::vector<Edge> edges;
  for (int task = 0; task < count; ++task) {
    tasks.push_back(task % 3 == 0 ? mixed(quarters(40), quarters(40)) : vector(quarters(40)));
    if (task != 0) edges.push_back(edge(task - 1, task));
  }
  const Chip chip;
  const double before_us = schedule(chip, tasks, edges).makespan_us;
  for (double Chip::* cost :
       {&Chip::orchestrator_us, &Chip::dispatch_us, &Chip::completion_us, &Chip::start_us}) {
    Chip slower;
    slower.*cost += 1;
    RC_ASSERT(schedule(slower, tasks, edges).makespan_us >= before_us + 1 - 1e-9);
  }
  const auto changed = *rc::gen::inRange<std::size_t>(0, tasks.size());
  tasks[changed].time.vector_us = tasks[changed].time.us() + 1;
  RC_ASSERT(schedule(chip, tasks, edges).makespan_us > before_us);
}

RC_GTEST_PROP(NpuBounds, AreNoGreaterThanTheMakespanWhereTheyMustNot, ()) {
  const Graph graph = any_graph();
  const double makespan_us = schedule(graph.chip, graph.tasks, graph.edges).makespan_us;
  const Bounds result = bounds(graph.chip, graph.tasks, graph.edges);
  RC_ASSERT(result.orchestrator_us <= makespan_us + 1e-9);
  RC_ASSERT(result.compute_path_us <= makespan_us + 1e-9);
  RC_ASSERT(result.compute_path_us <= result.no_runtime_us + 1e-9);
  RC_ASSERT(result.compute_path_us <= result.infinite_cores_us + 1e-9);
}

TEST(NpuSchedule, TenThousandTasksAreScheduled) {
  std::vector<ScheduleTask> tasks;
  std::vector<Edge> edges;
  for (std::int32_t task = 0; task < 10'000; ++task) {
    tasks.push_back(
        std::array{mixed(20, 15), cube(9), vector(30)}[static_cast<std::size_t>(task % 3)]);
    for (std::int32_t back : {1, 7, 40, 200}) {
      if (task % 5 == 0 && task >= back) edges.push_back(edge(task - back, task));
    }
  }
  EXPECT_GT(schedule(Chip(), tasks, edges).makespan_us, 0);
}

}  // namespace
}  // namespace fulgurite::npu
