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

int exit_code_of(ErrorKind kind) {
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
    return fail(exit_code_of(error.kind()), error.what());
  } catch (const std::bad_alloc&) {
    return fail(kFailed, "not enough memory");
  } catch (const std::exception& error) {
    return fail(kFailed, error.what());
  }
}

/// "npu memory": the words of the verb that was asked for, as far as they are known.
std::string verb_words(const CLI::App* tool) {
  std::string words;
  for (auto verbs = tool->get_subcommands(); !verbs.empty();) {
    words += " " + verbs.front()->get_name();
    verbs = verbs.front()->get_subcommands();
  }
  return words;
}

std::string usage_line(const CLI::App* tool, const CLI::Error& error) {
  return fmt::format("fulgurite: {}; try fulgurite{} --help\n", io::printable(error.what()),
                     verb_words(tool));
}

const CLI::App* verb_of(const CLI::App& app, const std::string& word) {
  const auto verbs = app.get_subcommands({});
  const auto found =
      std::ranges::find_if(verbs, [&](const CLI::App* verb) { return verb->check_name(word); });
  return found == verbs.end() ? nullptr : *found;
}

/// What is wrong if the leading words are no verb, of which CLI11 would only say that one is
/// missing; or else nothing.
struct Misstep {
  int exit_code = kDone;
  std::string help;  ///< of the app that misses a verb
  std::string message;
};
Misstep find_misstep(const CLI::App& tool, int argc, char** argv) {
  const CLI::App* app = &tool;
  std::string words = "fulgurite";
  std::string before;  // the words before the app's own
  for (int i = 1; !app->get_subcommands({}).empty(); ++i) {
    if (i >= argc) return {kUsage, app->help(before), ""};
    const std::string word = argv[i];
    if (word.starts_with('-')) break;
    app = verb_of(*app, word);
    if (app == nullptr) {
      return {kUsage, "", "there is no verb " + io::in_quotes(word) + "; try " + words + " --help"};
    }
    before = words;
    words += " " + word;
  }
  return {};
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
      "4 anything else (output not writable, no memory); 5 a tile program does not fit or races.");
  const Command root(&tool);
  const std::array verbs{add_demo(root),   add_step(root),   add_check(root), add_npu(root),
                         add_record(root), add_replay(root), add_info(root),  add_bench(root)};
  if (const Misstep misstep = find_misstep(tool, argc, argv); misstep.exit_code != kDone) {
    if (!misstep.message.empty()) return fail(misstep.exit_code, misstep.message);
    std::fputs(misstep.help.c_str(), stderr);
    return misstep.exit_code;
  }
  try {
    tool.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return tool.exit(error) == 0 ? kDone : kUsage;
  }
  for (const Verb& verb : verbs) {
    if (verb.command.parsed()) return run(verb);
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
