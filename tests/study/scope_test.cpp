// The tables by scope: time and memory.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "programs/seed_program.hpp"
#include "study/scope_memory.hpp"
#include "study/scope_times.hpp"

namespace fulgurite::study {
namespace {

using programs::Form;

class StudyScopes : public testing::TestWithParam<Form> {
 protected:
  const tile::Trace trace_ = programs::trace(programs::ProgramShape{}, GetParam());
  const npu::Chip chip_;
  const npu::Analysis analysis_ = npu::analyse(trace_, chip_, npu::Rules{});
};
INSTANTIATE_TEST_SUITE_P(Forms, StudyScopes, testing::ValuesIn(programs::kForms),
                         [](const auto& form) { return std::string(name(form.param)); });

TEST_P(StudyScopes, CountEachTaskAndSubtaskOnce) {
  std::int64_t tasks = 0;
  std::int64_t subtasks = 0;
  for (const ScopeTimes& scope : scope_times(trace_, chip_, analysis_)) {
    tasks += scope.tasks;
    subtasks += scope.subtasks;
    EXPECT_GE(scope.subtasks, scope.tasks);
    EXPECT_GE(scope.cores, 1);
    EXPECT_LE(scope.cores, 72);
    EXPECT_LT(scope.first_start_us, scope.last_end_us);
  }
  EXPECT_EQ(tasks, static_cast<std::int64_t>(trace_.tasks.size()));
  EXPECT_EQ(subtasks, static_cast<std::int64_t>(analysis_.schedule.subtasks.size()));
}

TEST_P(StudyScopes, TheTimesOfATaskAddUp) {
  for (const ScopeTimes& scope : scope_times(trace_, chip_, analysis_)) {
    double wanted_us = 0;
    for (std::size_t i = 0; i < trace_.tasks.size(); ++i) {
      if (full_name(trace_, trace_.tasks[i].scope) != scope.scope) continue;
      wanted_us += analysis_.schedule.done_us[i] - analysis_.schedule.submitted_us[i] +
                   chip_.orchestrator_us;
    }
    const TaskTime& task = scope.task;
    const double found_us = task.orchestrator_us + task.dependence_us + task.core_us +
                            task.scheduler_us + task.compute_us;
    EXPECT_NEAR(found_us * static_cast<double>(scope.tasks), wanted_us, 1e-6) << scope.scope;
    for (const double us : {task.dependence_us, task.core_us, task.scheduler_us}) {
      EXPECT_GE(us, -1e-9) << scope.scope;
    }
  }
}

TEST_P(StudyScopes, ThePathOfAllScopesIsTheMakespan) {
  double sum_us = 0;
  for (const ScopeTimes& scope : scope_times(trace_, chip_, analysis_)) {
    sum_us = std::accumulate(scope.path_us.begin(), scope.path_us.end(), sum_us);
  }
  EXPECT_NEAR(sum_us, analysis_.schedule.makespan_us, 1e-6);
}

TEST_P(StudyScopes, MemoryIsThatOfTheKernelThatNeedsMost) {
  const std::vector<ScopeMemory> rows = scope_memory(trace_, analysis_);
  for (const npu::KernelMemory& kernel : analysis_.memory) {
    const std::string scope = full_name(trace_, trace_[kernel.task].scope);
    for (const npu::SpacePlan& plan : kernel.spaces) {
      const auto row = std::ranges::find_if(rows, [&](const ScopeMemory& each) {
        return each.scope == scope && each.plan->space == plan.space;
      });
      ASSERT_NE(row, rows.end());
      EXPECT_GE(row->plan->used_bytes, plan.used_bytes);
    }
  }
}

}  // namespace
}  // namespace fulgurite::study
