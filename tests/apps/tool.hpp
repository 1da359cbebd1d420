#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "../io/files.hpp"

namespace fulgurite::app::test {

struct ToolRun {
  int exit_code = -1;  ///< negative: the signal that ended it
  std::string out;
  std::string err;
};

/// How the tool is run beyond its arguments.
struct ToolSettings {
  std::vector<std::pair<std::string, std::string>> environment;
  std::int64_t most_file_bytes = -1;  ///< beyond, writing fails; below 0: no limit
  bool unprivileged = false;          ///< file permissions hold, whoever runs the test
  std::string stdout_path;            ///< instead of collecting it
};

inline void apply(const ToolSettings& settings) {
  ::unsetenv("FULGURITE_ISA");
  for (const auto& [name, value] : settings.environment) {
    ::setenv(name.c_str(), value.c_str(), 1);
  }
  if (settings.most_file_bytes >= 0) {
    const auto most = static_cast<rlim_t>(settings.most_file_bytes);
    const rlimit limit{most, most};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  if (settings.unprivileged && ::geteuid() == 0 && ::setuid(65534) != 0) std::_Exit(127);
}

/// Runs the tool to its end. It inherits nothing that steers it but what `settings` says.
inline ToolRun run_tool(const std::vector<std::string>& arguments,
                        const ToolSettings& settings = {}) {
  const io::test::TemporaryFolder folder;
  const std::string out =
      settings.stdout_path.empty() ? (folder / "out").string() : settings.stdout_path;
  const std::string err = (folder / "err").string();
  std::vector<std::string> words{FULGURITE_TOOL};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(::open(out.c_str(), O_WRONLY | O_CREAT, 0600), STDOUT_FILENO);
    ::dup2(::open(err.c_str(), O_WRONLY | O_CREAT, 0600), STDERR_FILENO);
    // Opened first: without privileges it may lie in a folder that cannot be entered.
    const int tool = ::open(FULGURITE_TOOL, O_PATH | O_CLOEXEC);
    apply(settings);
    ::fexecve(tool, argv.data(), environ);
    std::_Exit(127);
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child) {
    ADD_FAILURE() << "the tool cannot be run";
    return {};
  }
  ToolRun run;
  run.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  if (settings.stdout_path.empty()) run.out = io::test::read_text(out);
  run.err = io::test::read_text(err);
  return run;
}

/// Expects that exit code, and on stderr one line of the tool's own that contains `words`.
inline void expect_refusal(const ToolRun& run, int exit_code, const std::string& words) {
  EXPECT_EQ(run.exit_code, exit_code) << run.err;
  EXPECT_EQ(run.out, "");
  EXPECT_EQ(std::count(run.err.begin(), run.err.end(), '\n'), 1) << run.err;
  EXPECT_TRUE(run.err.starts_with("fulgurite: ")) << run.err;
  EXPECT_TRUE(run.err.ends_with('\n')) << run.err;
  EXPECT_NE(run.err.find(words), run.err.npos) << run.err << "lacks: " << words;
}

}  // namespace fulgurite::app::test
