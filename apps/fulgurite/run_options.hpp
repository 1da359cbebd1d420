#pragma once

#include <memory>
#include <string>

#include "command.hpp"
#include "fulgurite/executor.hpp"

namespace fulgurite::app {

/// The options of every verb that runs a step.
struct RunOptions {
  int threads = 0;  ///< 0: all that this process may use
  std::string isa = "auto";
  bool json = false;
};

void add_run_options(Command command, RunOptions& options);

/// The pool that was asked for. If it must be smaller, a line on stderr says so.
std::shared_ptr<Executor> make_executor(const RunOptions& options);

}  // namespace fulgurite::app
