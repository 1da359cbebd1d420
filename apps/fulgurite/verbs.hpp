#pragma once

#include <CLI/CLI.hpp>
#include <functional>

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
  const CLI::App* command;
  std::function<int()> run;  ///< returns the exit code; may throw
};

Verb add_step(CLI::App& tool);
Verb add_demo(CLI::App& tool);
Verb add_check(CLI::App& tool);
Verb add_info(CLI::App& tool);
Verb add_bench(CLI::App& tool);
Verb add_npu(CLI::App& tool);
Verb add_record(CLI::App& tool);
Verb add_replay(CLI::App& tool);

}  // namespace fulgurite::app
