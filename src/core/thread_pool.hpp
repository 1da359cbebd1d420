#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

#include "fulgurite/executor.hpp"

namespace fulgurite::core {

/// The executor of make_thread_pool: `threads` - 1 workers and the caller of run().
///
/// A second caller of run(), or a task that calls it, finds the pool taken and runs its tasks
/// itself, so nothing ever waits for a thread that waits. No run() waits for a worker that has
/// not yet taken a task, so a worker that sleeps or is not scheduled costs nothing but its help.
class ThreadPool final : public Executor {
 public:
  /// `usable` is the number of CPUs: no more workers than usable - 1 spin at a time, over all pools
  /// of the process.
  ThreadPool(int threads, int usable);
  ~ThreadPool() override;
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  [[nodiscard]] int threads() const noexcept override { return threads_; }
  void run(int count, Task task, void* context) override;
  using Executor::run;

 private:
  void stop();

  using Clock = std::chrono::steady_clock;

  struct Job {
    int count = 0;
    Task task = nullptr;
    void* context = nullptr;
  };

  void work_until_stopped();
  int take_tasks() noexcept;
  void finish(int done);
  void wake(int helpers);
  void join();
  [[nodiscard]] std::uint32_t next_generation(std::uint32_t seen, Clock::time_point spin_end);

  const int threads_;
  const int usable_;
  const int owner_process_;

  std::atomic<bool> taken_ = false;  ///< by the one caller whose job is in job_
  std::atomic<bool> stopping_ = false;
  Job job_;  ///< read only by who has taken one of its tasks, written only when all have finished

  // Workers spin on the first line. The second is what a thread that takes tasks writes, and
  // fetches once; two lines there cost a fork and join 0.3 us more.
  alignas(64) std::atomic<std::uint32_t> generation_ = 0;  ///< changes when there is work
  alignas(64) std::atomic<std::int64_t> untaken_ = 0;      ///< below 0: some came too late
  std::atomic<int> unfinished_ = 0;
  alignas(64) std::atomic<int> asleep_ = 0;

  std::vector<std::thread> workers_;
};

}  // namespace fulgurite::core
