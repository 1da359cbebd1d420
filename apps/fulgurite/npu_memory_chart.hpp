#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "npu/memory.hpp"

namespace fulgurite::app {

/// One kernel's statements, and its memories as a table of who lives where from when to when.
std::string memory_chart(const tile::Trace& trace, const npu::KernelMemory& memory);

/// [{"offset", "bytes", "copies", "tenants": [{"value", "first", "last"}]}, ..]
nlohmann::ordered_json buffers_json(const tile::Trace& trace, const npu::SpacePlan& plan);

}  // namespace fulgurite::app
