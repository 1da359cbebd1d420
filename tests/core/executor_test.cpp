#include "fulgurite/executor.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <numeric>
#include <thread>
#include <vector>

#include "core/thread_pool.hpp"
#include "fulgurite/error.hpp"

namespace fulgurite {
namespace {

using core::ThreadPool;
using namespace std::chrono_literals;

/// Runs `count` tasks that each raise their own plain counter: under the thread sanitizer, a task
/// that runs twice at once, or whose writes the caller may not see yet, is a race.
void expect_each_once(Executor& executor, int count) {
  std::vector<int> calls(static_cast<std::size_t>(count), 0);
  executor.run(count, [&](int i) { ++calls[static_cast<std::size_t>(i)]; });
  EXPECT_EQ(calls, std::vector<int>(static_cast<std::size_t>(count), 1));
}

class Pool : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Threads, Pool, testing::Values(1, 2, 3, 8));

TEST_P(Pool, RunsEachIndexOnceForAnyCount) {
  ThreadPool pool(GetParam(), 2);
  EXPECT_EQ(pool.threads(), GetParam());
  for (const int count : {0, 1, 2, 3, 7, 8, 9, 64, 1000, 0}) expect_each_once(pool, count);
}

TEST_P(Pool, ManyShortRunsInARowMissNoTask) {
  ThreadPool pool(GetParam(), 2);
  std::vector<std::int64_t> sums(5, 0);
  for (int round = 0; round < 5000; ++round) {
    pool.run(5, [&](int i) { sums[static_cast<std::size_t>(i)] += round; });
  }
  EXPECT_EQ(sums, std::vector<std::int64_t>(5, 4999 * 5000 / 2));
}

TEST_P(Pool, RunsAfterItsWorkersHaveFallenAsleep) {
  ThreadPool pool(GetParam(), 2);
  for (int round = 0; round < 10; ++round) {
    expect_each_once(pool, 100);
    std::this_thread::sleep_for(5ms);
  }
}

TEST_P(Pool, SeveralCallersAtOnceEachGetTheirOwnTasksDone) {
  ThreadPool pool(GetParam(), 2);
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&pool, caller] {
      for (int round = 0; round < 300; ++round) expect_each_once(pool, (round * 7 + caller) % 40);
    });
  }
  for (std::thread& caller : callers) caller.join();
}

TEST_P(Pool, ATaskMayRunTasksOnTheSamePool) {
  ThreadPool pool(GetParam(), 2);
  std::atomic<int> calls = 0;
  for (int round = 0; round < 50; ++round) {
    pool.run(6, [&](int) { pool.run(5, [&](int) { pool.run(3, [&](int) { ++calls; }); }); });
  }
  EXPECT_EQ(calls, 50 * 6 * 5 * 3);
}

TEST_P(Pool, TwoPoolsCanCallEachOther) {
  ThreadPool outer(GetParam(), 2);
  ThreadPool inner(GetParam(), 2);
  std::atomic<int> calls = 0;
  for (int round = 0; round < 50; ++round) {
    outer.run(6, [&](int) { inner.run(5, [&](int) { outer.run(4, [&](int) { ++calls; }); }); });
  }
  EXPECT_EQ(calls, 50 * 6 * 5 * 4);
}

TEST_P(Pool, WritesOfOneRunAreSeenByTheTasksOfTheNext) {
  ThreadPool pool(GetParam(), 2);
  std::vector<int> values(16, 0);
  for (int round = 0; round < 500; ++round) {
    // Task i reads what another task wrote in the run before.
    std::vector<int> next(16, 0);
    pool.run(16, [&](int i) {
      next[static_cast<std::size_t>(i)] = values[static_cast<std::size_t>((i + 5) % 16)] + 1;
    });
    values = next;
  }
  EXPECT_EQ(values, std::vector<int>(16, 500));
}

TEST_P(Pool, CanBeMadeAndDroppedAtAnyMoment) {
  for (int round = 0; round < 50; ++round) {
    ThreadPool pool(GetParam(), 2);
    if (round % 3 != 0) expect_each_once(pool, round % 5);
  }
}

TEST(ThreadPool, TheCallerTakesPartAndTheWorkersHelp) {
  ThreadPool pool(2, 2);
  // Two tasks that wait for each other can only end side by side.
  std::atomic<int> arrived = 0;
  std::vector<std::thread::id> who(2);
  pool.run(2, [&](int i) {
    who[static_cast<std::size_t>(i)] = std::this_thread::get_id();
    ++arrived;
    while (arrived < 2) std::this_thread::yield();
  });
  EXPECT_NE(who[0], who[1]);
  EXPECT_TRUE(who[0] == std::this_thread::get_id() || who[1] == std::this_thread::get_id());
}

TEST(ThreadPool, ASleepingWorkerIsWokenForWork) {
  ThreadPool pool(2, 1);  // one CPU: the worker sleeps at once
  for (int round = 0; round < 20; ++round) {
    std::this_thread::sleep_for(1ms);
    std::atomic<int> arrived = 0;
    pool.run(2, [&](int) {
      ++arrived;
      while (arrived < 2) std::this_thread::yield();
    });
    EXPECT_EQ(arrived, 2);
  }
}

double process_cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

TEST(ThreadPool, WorkersThatHaveNothingToDoStopUsingTheCpu) {
  ThreadPool pool(4, 4);
  expect_each_once(pool, 100);
  std::this_thread::sleep_for(50ms);
  const double before = process_cpu_seconds();
  std::this_thread::sleep_for(200ms);
  EXPECT_LT(process_cpu_seconds() - before, 0.05);
}

TEST(ThreadPool, AWorkerWithoutACpuOfItsOwnDoesNotSpin) {
  ThreadPool pool(4, 1);
  const double before = process_cpu_seconds();
  for (int round = 0; round < 100; ++round) {
    expect_each_once(pool, 8);
    std::this_thread::sleep_for(1ms);
  }
  // Three workers that spin would burn all CPUs for these 100 ms.
  EXPECT_LT(process_cpu_seconds() - before, 0.06);
}

TEST(ThreadPool, AForkedChildRunsItsTasksWithoutTheWorkers) {
  auto pool = std::make_unique<ThreadPool>(3, 2);
  expect_each_once(*pool, 100);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    std::atomic<int> calls = 0;
    pool->run(100, [&](int) { ++calls; });
    pool.reset();
    _exit(calls == 100 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  expect_each_once(*pool, 100);
}

TEST(MakeThreadPool, RefusesNumbersThatMakeNoSense) {
  for (const int threads : {-1, -1024, 1025, 1 << 30}) {
    try {
      static_cast<void>(make_thread_pool(threads));
      ADD_FAILURE() << "no error for " << threads;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::usage);
      EXPECT_EQ(error.what(), "threads: expected 0 to 1024, found " + std::to_string(threads));
    }
  }
}

TEST(MakeThreadPool, NeverHasMoreThreadsThanTheMachineAllows) {
  const int usable = usable_threads();
  EXPECT_EQ(make_thread_pool()->threads(), usable);
  EXPECT_EQ(make_thread_pool(1024)->threads(), usable);
  EXPECT_EQ(make_thread_pool(1)->threads(), 1);
}

TEST(DefaultExecutor, IsOneForTheProcess) {
  EXPECT_EQ(default_executor(), default_executor());
  EXPECT_EQ(default_executor()->threads(), usable_threads());
  expect_each_once(*default_executor(), 1000);
}

}  // namespace
}  // namespace fulgurite
