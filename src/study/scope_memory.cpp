#include "study/scope_memory.hpp"

#include <map>

namespace fulgurite::study {

std::vector<ScopeMemory> scope_memory(const tile::Trace& trace, const npu::Analysis& analysis) {
  std::vector<std::string> scopes;
  std::map<std::string, std::map<npu::Space, ScopeMemory>> of_scope;
  for (std::size_t i = 0; i < analysis.memory.size(); ++i) {
    const npu::KernelMemory& kernel = analysis.memory[i];
    const std::string scope = full_name(trace, trace[kernel.task].scope);
    if (!of_scope.contains(scope)) scopes.push_back(scope);
    for (const npu::SpacePlan& plan : kernel.spaces) {
      ScopeMemory& most = of_scope[scope][plan.space];
      most.scope = scope;
      most.tasks += analysis.kernels.kernels[i].tasks;
      if (most.plan != nullptr && most.plan->used_bytes >= plan.used_bytes) continue;
      most.kernel = &kernel;
      most.plan = &plan;
    }
  }
  std::vector<ScopeMemory> result;
  for (const std::string& scope : scopes) {
    for (const auto& [space, memory] : of_scope[scope]) result.push_back(memory);
  }
  return result;
}

}  // namespace fulgurite::study
