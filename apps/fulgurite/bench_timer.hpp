#pragma once

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

#if defined(__linux__)
#include <sched.h>
#include <sys/resource.h>
#include <time.h>
#endif

// A timer that drops samples during which the thread was pre-empted.

namespace fulgurite::app {

inline double now_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// The calling thread's own time on a CPU: on a busy machine, what is left of it is no part of the
/// work.
inline double thread_s() {
#if defined(__linux__)
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
#else
  return now_s();
#endif
}

/// How often the calling thread lost its CPU against its will; 0 where nobody counts.
inline long preemptions() {
#if defined(__linux__)
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nivcsw;
#else
  return 0;
#endif
}

/// Binds the calling thread to the CPU it is on for as long as this lives, so that caches stay its
/// own.
class PinnedThread {
 public:
#if defined(__linux__)
  PinnedThread() {
    const int cpu = sched_getcpu();
    pinned_ = cpu >= 0 && sched_getaffinity(0, sizeof before_, &before_) == 0;
    if (!pinned_) return;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<std::size_t>(cpu), &set);
    sched_setaffinity(0, sizeof set, &set);
  }
  ~PinnedThread() {
    if (pinned_) sched_setaffinity(0, sizeof before_, &before_);
  }
#else
  PinnedThread() = default;
  ~PinnedThread() = default;
#endif
  PinnedThread(const PinnedThread&) = delete;
  PinnedThread& operator=(const PinnedThread&) = delete;

#if defined(__linux__)
 private:
  cpu_set_t before_{};
  bool pinned_ = false;
#endif
};

struct Timing {
  double median_s;
  double shortest_s;
  int kept;
  int dropped;  ///< samples with a pre-emption
};

/// The median over samples without pre-emption, after one call to warm up: at least `samples` of
/// them and `least_s` seconds, at most `most_s` seconds.
template <class Work>
Timing measure(const Work& work, std::size_t samples = 15, double least_s = 0.15,
               double most_s = 3) {
  std::vector<double> clean;
  std::vector<double> all;
  work();
  const double begin = now_s();
  while ((clean.size() < samples || now_s() - begin < least_s) && now_s() - begin < most_s) {
    const long before = preemptions();
    const double start = thread_s();
    work();
    all.push_back(thread_s() - start);
    if (preemptions() == before) clean.push_back(all.back());
  }
  const auto dropped = static_cast<int>(all.size() - clean.size());
  if (clean.size() < 3) clean = all;
  std::sort(clean.begin(), clean.end());
  return {clean[clean.size() / 2], clean.front(), static_cast<int>(clean.size()), dropped};
}

}  // namespace fulgurite::app
