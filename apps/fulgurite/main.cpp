#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <exception>
#include <new>
#include <string>

#include "fulgurite/error.hpp"
#include "fulgurite/version.hpp"
#include "io/text.hpp"
#include "verbs.hpp"

namespace fulgurite::app {
namespace {

int exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::usage:
      return kUsage;
    case ErrorKind::input:
    case ErrorKind::unsupported:
      return kWrongInput;
    case ErrorKind::system:
    case ErrorKind::internal:
      break;
  }
  return kFailed;
}

int fail(int code, const std::string& what) {
  std::fputs(("fulgurite: " + io::printable(what) + "\n").c_str(), stderr);
  return code;
}

/// Runs the verb. Every failure becomes one line and an exit code.
int run(const Verb& verb) {
  try {
    const int code = verb.run();
    if (std::fflush(stdout) != 0) return fail(kFailed, "standard output cannot be written");
    return code;
  } catch (const Error& error) {
    return fail(exit_code(error.kind()), error.what());
  } catch (const std::bad_alloc&) {
    return fail(kFailed, "not enough memory");
  } catch (const std::exception& error) {
    return fail(kFailed, error.what());
  }
}

std::string usage_line(const CLI::App* tool, const CLI::Error& error) {
  const auto verbs = tool->get_subcommands();
  const std::string verb = verbs.empty() ? "" : " " + verbs.front()->get_name();
  return fmt::format("fulgurite: {}; try fulgurite{} --help\n", io::printable(error.what()), verb);
}

/// Whether the first argument is a word that is no verb; CLI11 would only say that one is missing.
bool is_unknown_verb(const CLI::App& tool, const std::string& word) {
  if (word.starts_with('-')) return false;
  const auto verbs = tool.get_subcommands({});
  return std::none_of(verbs.begin(), verbs.end(),
                      [&](const CLI::App* verb) { return verb->check_name(word); });
}

int run_tool(int argc, char** argv) {
  // A file beyond the limit of its size is then an error like a full disk, and leaves no trace.
  std::signal(SIGXFSZ, SIG_IGN);

  CLI::App tool{"The decode step of DeepSeek-V4's lightning indexer.", "fulgurite"};
  tool.set_version_flag("--version", std::string("fulgurite ") + fulgurite::version());
  tool.require_subcommand(1);
  tool.failure_message(usage_line);
  tool.get_formatter()->column_width(32);
  tool.footer(
      "New here? `fulgurite demo` runs a step and shows where the time goes;\n"
      "`fulgurite VERB --help` explains a verb, with examples.\n\n"
      "Exit codes: 0 done; 1 check or demo found a difference; 2 wrong usage; 3 wrong input;\n"
      "4 anything else (output not writable, no memory).");
  const std::array verbs{add_demo(tool), add_step(tool), add_check(tool), add_info(tool),
                         add_bench(tool)};
  if (argc <= 1) {
    std::fputs(tool.help().c_str(), stderr);
    return kUsage;
  }
  if (is_unknown_verb(tool, argv[1])) {
    return fail(kUsage, "there is no verb " + io::in_quotes(argv[1]) + "; try fulgurite --help");
  }
  try {
    tool.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return tool.exit(error) == 0 ? kDone : kUsage;
  }
  for (const Verb& verb : verbs) {
    if (verb.command->parsed()) return run(verb);
  }
  return kUsage;
}

}  // namespace
}  // namespace fulgurite::app

int main(int argc, char** argv) {
  try {
    return fulgurite::app::run_tool(argc, argv);
  } catch (const std::exception& error) {
    return fulgurite::app::fail(fulgurite::app::kFailed, error.what());
  }
}
