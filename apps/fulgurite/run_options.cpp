#include "run_options.hpp"

#include <fmt/core.h>

#include "report/text.hpp"

namespace fulgurite::app {

void add_run_options(Command command, RunOptions& options) {
  command
      .option("--threads", options.threads, "N",
              "threads, 1 to 1024; the default is all that this process may use")
      .between(1, kMaxThreads);
  command.option("--isa", options.isa, "ISA",
                 "instruction set: auto, generic, avx2, avx_vnni or avx512_vnni;\n"
                 "auto is the best one, or what FULGURITE_ISA says");
  command.flag("--json", options.json, "print JSON");
}

std::shared_ptr<Executor> make_executor(const RunOptions& options) {
  std::shared_ptr<Executor> executor = make_thread_pool(options.threads);
  if (options.threads > executor->threads()) {
    fmt::print(stderr, "fulgurite: --threads {}: this process may use {}, so that is what runs\n",
               options.threads, report::count_of(executor->threads(), "thread"));
  }
  return executor;
}

}  // namespace fulgurite::app
