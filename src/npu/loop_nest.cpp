#include "npu/loop_nest.hpp"

#include <algorithm>

namespace fulgurite::npu {

using namespace tile;

std::vector<IterationId> loop_nest(const Trace& trace, const Task& task) {
  std::vector<IterationId> nest;
  for (IterationId at = task.iteration; at.valid(); at = trace[trace[at].loop].enclosing) {
    nest.push_back(at);
  }
  nest.emplace_back();
  std::reverse(nest.begin(), nest.end());
  return nest;
}

std::vector<std::vector<IterationId>> loop_nests(const Trace& trace) {
  std::vector<std::vector<IterationId>> nests;
  nests.reserve(trace.tasks.size());
  for (const Task& task : trace.tasks) nests.push_back(loop_nest(trace, task));
  return nests;
}

Parting parting(const Trace& trace, const std::vector<IterationId>& first,
                const std::vector<IterationId>& second) {
  const auto [a, b] = std::mismatch(first.begin(), first.end(), second.begin(), second.end());
  if (a == first.end() || b == second.end()) return {};
  const LoopId loop = trace[*a].loop;
  if (loop != trace[*b].loop) return {};
  return {loop, *a, *b};
}

bool is_parallel(const Trace& trace, const Parting& parting) {
  return parting.loop.valid() && trace[parting.loop].kind == LoopKind::parallel;
}

}  // namespace fulgurite::npu
