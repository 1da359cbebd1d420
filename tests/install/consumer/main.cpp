// A user's program: it sees the public headers and nothing else of the project.
#include <atomic>
#include <cstdio>
#include <cstring>
#include <stdexcept>

#include "fulgurite/error.hpp"
#include "fulgurite/executor.hpp"
#include "fulgurite/model.hpp"
#include "fulgurite/version.hpp"

namespace {

/// An engine's own pool: the base class comes from the library, the vtable from here.
class InlineExecutor : public fulgurite::Executor {
 public:
  [[nodiscard]] int threads() const noexcept override { return 1; }
  void run(int count, Task task, void* context) override {
    for (int index = 0; index < count; ++index) task(context, index);
  }
};

int run_tasks(fulgurite::Executor& executor) {
  std::atomic<int> calls = 0;
  executor.run(100, [&](int) { ++calls; });
  return calls;
}

/// An exception thrown inside the library must be caught by its type out here.
bool errors_are_caught() {
  try {
    fulgurite::make_thread_pool(-1);
  } catch (const fulgurite::Error& error) {
    return error.kind() == fulgurite::ErrorKind::usage;
  }
  return false;
}

}  // namespace

int main() {
  InlineExecutor own;
  const bool works = std::strlen(fulgurite::version()) > 0 && errors_are_caught() &&
                     run_tasks(own) == 100 && run_tasks(*fulgurite::default_executor()) == 100 &&
                     fulgurite::ModelShape::v4_flash().heads == 64;
  std::printf("fulgurite %s: %s\n", fulgurite::version(), works ? "works" : "FAILS");
  return works ? 0 : 1;
}
