#include "core/thread_pool.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace fulgurite::core {
namespace {

using Clock = std::chrono::steady_clock;

/// Longer than what an engine does between two steps of a decode loop, and too short to be seen
/// as load when it stops.
constexpr auto kSpin = std::chrono::milliseconds(2);

/// Reading the clock costs about as much as a pause; this many pauses hide it.
constexpr int kPausesPerClockReading = 32;

/// Workers of all pools that are not asleep.
std::atomic<int> awake_workers = 0;

void pause() {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

/// Spins until `done` or until `end`; returns whether it is done.
template <class Done>
bool spin(Clock::time_point end, const Done& done) {
  do {
    for (int i = 0; i < kPausesPerClockReading; ++i) {
      if (done()) return true;
      pause();
    }
  } while (Clock::now() < end);
  return false;
}

/// Tasks do not throw; if one does, the program ends in the same way on every thread.
void run_here(int count, Executor::Task task, void* context) noexcept {
  for (int index = 0; index < count; ++index) task(context, index);
}

}  // namespace

ThreadPool::ThreadPool(int threads, int usable)
    : threads_(threads), usable_(usable), owner_process_(getpid()) {
  workers_.reserve(static_cast<std::size_t>(threads - 1));
  try {
    for (int i = 1; i < threads; ++i) workers_.emplace_back([this] { work_until_stopped(); });
  } catch (...) {
    stop();  // a thread that was not to be had must not end the program with those that were
    throw;
  }
}

ThreadPool::~ThreadPool() {
  if (getpid() != owner_process_) {
    // After a fork the child has the handles but not the threads; to join them would never end.
    auto handles = std::make_unique<std::vector<std::thread>>(std::move(workers_));
    [[maybe_unused]] const auto* const leaked = handles.release();
    return;
  }
  stop();
}

void ThreadPool::stop() {
  stopping_ = true;
  wake(threads_);
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::run(int count, Task task, void* context) {
  if (count <= 1 || threads_ == 1 || taken_.exchange(true, std::memory_order_acquire)) {
    run_here(count, task, context);
    return;
  }
  job_ = {count, task, context};
  unfinished_.store(count, std::memory_order_relaxed);
  untaken_.store(count, std::memory_order_release);
  wake(count - 1);
  finish(take_tasks());
  join();
  taken_.store(false, std::memory_order_release);
}

/// Takes and runs tasks until none is left; returns how many those were.
int ThreadPool::take_tasks() noexcept {
  int done = 0;
  while (true) {
    // A worker may come late and take from the next job instead. That is why the job is read
    // only after a task of it has been taken: from then on it cannot finish and be replaced.
    const std::int64_t untaken = untaken_.fetch_sub(1, std::memory_order_acquire);
    if (untaken <= 0) return done;
    job_.task(job_.context, job_.count - static_cast<int>(untaken));
    ++done;
    if (untaken == 1) return done;  // the last: to ask again would only fetch the cache line
  }
}

void ThreadPool::finish(int done) {
  if (done == 0) return;
  if (unfinished_.fetch_sub(done, std::memory_order_acq_rel) == done) unfinished_.notify_one();
}

void ThreadPool::join() {
  const auto finished = [this] { return unfinished_.load(std::memory_order_acquire) == 0; };
  if (spin(Clock::now() + kSpin, finished)) return;
  for (int left = unfinished_; left != 0; left = unfinished_) unfinished_.wait(left);
}

void ThreadPool::wake(int helpers) {
  // Sequentially consistent, as in next_generation: either the worker sees the new generation
  // before it sleeps, or this thread sees that it is asleep.
  ++generation_;
  const int asleep = asleep_;
  if (helpers >= asleep) {
    if (asleep > 0) generation_.notify_all();
    return;
  }
  for (int i = 0; i < helpers; ++i) generation_.notify_one();
}

/// Waits until the generation is another than `seen`, and returns it. Spins until `spin_end`.
std::uint32_t ThreadPool::next_generation(std::uint32_t seen, Clock::time_point spin_end) {
  const auto changed = [&] { return generation_.load(std::memory_order_acquire) != seen; };
  // The caller of run() keeps one CPU; a spinner that has none to itself would stall the others.
  const bool may_spin = awake_workers.load(std::memory_order_relaxed) <= usable_ - 1;
  if (may_spin && spin(spin_end, changed)) return generation_.load(std::memory_order_acquire);
  --awake_workers;
  ++asleep_;
  generation_.wait(seen);
  --asleep_;
  ++awake_workers;
  return generation_.load(std::memory_order_acquire);
}

void ThreadPool::work_until_stopped() {
  ++awake_workers;
  std::uint32_t seen = 0;
  Clock::time_point spin_end = Clock::now() + kSpin;
  while (!stopping_) {
    const int done = take_tasks();
    finish(done);
    if (done > 0) spin_end = Clock::now() + kSpin;
    seen = next_generation(seen, spin_end);
  }
  --awake_workers;
}

}  // namespace fulgurite::core
