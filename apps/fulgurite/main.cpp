#include <CLI/CLI.hpp>

#include "fulgurite/version.hpp"

int main(int argc, char** argv) {
  CLI::App app{"The decode step of DeepSeek-V4's lightning indexer"};
  app.set_version_flag("--version", fulgurite::version());
  CLI11_PARSE(app, argc, argv);
  return 0;
}
