#include "fulgurite/executor.hpp"

#include <algorithm>
#include <string>
#include <system_error>

#include "core/thread_pool.hpp"
#include "fulgurite/error.hpp"

namespace fulgurite {

Executor::~Executor() = default;

std::shared_ptr<Executor> make_thread_pool(int threads) {
  if (threads < 0 || threads > kMaxThreads) {
    throw Error(ErrorKind::usage, "threads: expected 0 to " + std::to_string(kMaxThreads) +
                                      ", found " + std::to_string(threads));
  }
  const int usable = usable_threads();
  const int wanted = std::min(threads == 0 ? kMaxThreads : threads, usable);
  try {
    return std::make_shared<core::ThreadPool>(wanted, usable);
  } catch (const std::system_error& error) {
    throw Error(ErrorKind::system,
                "threads: expected to start " + std::to_string(wanted) + ", found " + error.what());
  }
}

std::shared_ptr<Executor> default_executor() {
  static const std::shared_ptr<Executor> pool = make_thread_pool();
  return pool;
}

}  // namespace fulgurite
