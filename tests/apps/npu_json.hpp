#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tool.hpp"

namespace fulgurite::app::test {

/// `fulgurite npu WORDS... --json`, parsed; a failure if the exit code is another.
inline nlohmann::json npu_json(std::vector<std::string> words, int exit_code = 0) {
  words.insert(words.begin(), "npu");
  words.emplace_back("--json");
  const ToolRun run = run_tool(words);
  EXPECT_EQ(run.exit_code, exit_code) << run.err;
  EXPECT_EQ(run.err, "");
  return nlohmann::json::parse(run.out, nullptr, /*allow_exceptions=*/false);
}

/// The text that the same prints.
inline std::string npu_text(std::vector<std::string> words, int exit_code = 0) {
  words.insert(words.begin(), "npu");
  const ToolRun run = run_tool(words);
  EXPECT_EQ(run.exit_code, exit_code) << run.err;
  return run.out;
}

}  // namespace fulgurite::app::test
