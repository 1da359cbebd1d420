#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace fulgurite::app {

/// The compiler that built the tool: "g++ 12.2.0".
std::string compiler();

/// The CPU's name as the system gives it, or "unknown".
std::string cpu_model();

/// Bytes that can be allocated without swapping; nothing if the system does not say.
std::optional<std::int64_t> available_memory();

/// "always", "madvise" or "never"; empty if the system does not say.
std::string huge_page_mode();

}  // namespace fulgurite::app
