#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "npu/analysis.hpp"

namespace fulgurite::study {

/// What a scope needs of one memory: its kernel that needs most.
struct ScopeMemory {
  std::string scope;                  ///< full name
  std::int64_t tasks = 0;             ///< of all its kernels
  const npu::KernelMemory* kernel{};  ///< that of the analysis
  const npu::SpacePlan* plan{};       ///< of that kernel
};

/// In the order of the scopes' first tasks, then of Space. Points into the analysis.
std::vector<ScopeMemory> scope_memory(const tile::Trace& trace, const npu::Analysis& analysis);

}  // namespace fulgurite::study
