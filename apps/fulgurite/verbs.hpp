#pragma once

#include <functional>

#include "command.hpp"

namespace fulgurite::app {

/// What the tool exits with.
enum ExitCode : int {
  kDone = 0,
  kDifferent = 1,  ///< `check` or `demo` found a difference
  kUsage = 2,      ///< the command line is wrong
  kWrongInput = 3,
  kFailed = 4,      ///< anything else: output not writable, no memory
  kDoesNotFit = 5,  ///< a tile program does not fit the chip, or races
};

/// A verb of the tool: its part of the command line, and what it does once that is parsed.
struct Verb {
  Command command;
  std::function<int()> run;  ///< returns the exit code; may throw
};

Verb add_step(Command tool);
Verb add_demo(Command tool);
Verb add_check(Command tool);
Verb add_info(Command tool);
Verb add_bench(Command tool);
Verb add_npu(Command tool);
Verb add_record(Command tool);
Verb add_replay(Command tool);

}  // namespace fulgurite::app
