#include "system_facts.hpp"

#include <fstream>
#include <sstream>

#include "io/text.hpp"

namespace fulgurite::app {
namespace {

/// The text after "KEY" and a colon in the file's first line that starts so.
std::optional<std::string> value_of(const char* path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(key)) continue;
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::size_t value = line.find_first_not_of(" \t", colon + 1);
    if (value != std::string::npos) return io::printable(line.substr(value));
  }
  return std::nullopt;
}

}  // namespace

std::string compiler() {
#if defined(__clang__)
  return "clang " __clang_version__;
#else
  return "g++ " __VERSION__;
#endif
}

std::string cpu_model() { return value_of("/proc/cpuinfo", "model name").value_or("unknown"); }

std::optional<std::int64_t> available_memory() {
  const std::optional<std::string> text = value_of("/proc/meminfo", "MemAvailable");
  std::int64_t kibibytes = 0;
  if (!text || !(std::istringstream(*text) >> kibibytes)) return std::nullopt;
  return kibibytes * 1024;
}

std::string huge_page_mode() {
  std::ifstream file("/sys/kernel/mm/transparent_hugepage/enabled");
  std::string line;
  std::getline(file, line);
  const std::size_t open = line.find('[');
  const std::size_t close = line.find(']');
  if (open == std::string::npos || close == std::string::npos || close < open) return "";
  return io::printable(line.substr(open + 1, close - open - 1));
}

}  // namespace fulgurite::app
