#pragma once

#include <cstdint>
#include <memory>

#include "fulgurite/export.hpp"

namespace fulgurite {

/// Runs tasks side by side. Derive from it to let an engine's own thread pool do the work.
///
/// No result of this library depends on the executor: not on its number of threads, and not on
/// which thread takes which task.
class FULGURITE_API Executor {
 public:
  using Task = void (*)(void* context, int index);

  virtual ~Executor();

  /// How many tasks run at the same time, at least 1. Constant over the executor's life.
  [[nodiscard]] virtual int threads() const noexcept = 0;

  /// Calls task(context, i) exactly once for each i in [0, count), on any threads, and returns when
  /// all calls have returned. Tasks do not throw, nor may this function: a step that has begun to
  /// write cannot be taken back. May be called from several threads at once.
  virtual void run(int count, Task task, void* context) = 0;

  /// Any callable as the task: executor.run(n, [&](int i) { ... }).
  template <class Body>
  void run(int count, Body&& body) {
    auto* target = &body;
    run(
        count, [](void* context, int index) { (*static_cast<decltype(target)>(context))(index); },
        const_cast<void*>(static_cast<const void*>(target)));
  }
};

/// The CPUs that this process may use: those of its affinity mask, and no more than its cgroup's
/// quota pays for. At least 1.
FULGURITE_API int usable_threads();

/// A pool of `threads` threads, the caller of run() among them, that fork and join in well under a
/// microsecond: the workers spin for about two milliseconds after their last task, then sleep.
///
/// 0 stands for usable_threads(); more than usable_threads() is clamped to it.
/// Throws Error(usage) unless 0 <= threads <= kMaxThreads.
FULGURITE_API std::shared_ptr<Executor> make_thread_pool(int threads = 0);

inline constexpr int kMaxThreads = 1024;

/// The process-wide pool of usable_threads() threads, made at its first use.
FULGURITE_API std::shared_ptr<Executor> default_executor();

}  // namespace fulgurite
