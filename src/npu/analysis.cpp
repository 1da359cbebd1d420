#include "npu/analysis.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <numeric>
#include <tuple>

#include "npu/hazards.hpp"

namespace fulgurite::npu {
namespace {

Finding deadlock_of(const tile::Trace& trace, tile::TaskId task, const std::string& message) {
  const tile::ScopeId scope = trace[task].scope;
  Finding finding;
  finding.kind = FindingKind::ring_deadlock;
  finding.scopes = {full_name(trace, scope)};
  finding.location = trace[scope].location;
  finding.message = message;
  return finding;
}

std::vector<Space> full_spaces(const KernelMemory& memory) {
  std::vector<Space> full;
  for (const SpacePlan& plan : memory.spaces) {
    if (!plan.fits()) full.push_back(plan.space);
  }
  return full;
}

/// What does not fit or does not end: one for all kernels of a scope and each space, told of the
/// first of them.
std::vector<Finding> kernel_findings(const tile::Trace& trace, const Chip& chip, const Rules& rules,
                                     const Analysis& analysis) {
  using Key = std::tuple<FindingKind, std::vector<std::string>, Space>;
  std::vector<Finding> findings;
  std::map<Key, std::size_t> known;
  const auto add = [&](Finding finding, Space space, std::int64_t tasks) {
    const auto [place, is_new] =
        known.try_emplace({finding.kind, finding.scopes, space}, findings.size());
    if (is_new) {
      finding.count = tasks;
      findings.push_back(std::move(finding));
    } else {
      findings[place->second].count += tasks;
    }
  };
  for (std::size_t i = 0; i < analysis.memory.size(); ++i) {
    const Kernel& kernel = analysis.kernels.kernels[i];
    const std::vector<Space> full = full_spaces(analysis.memory[i]);
    std::vector<Finding> found = memory_findings(trace, analysis.memory[i], chip, rules);
    for (std::size_t at = 0; at < found.size(); ++at) {
      add(std::move(found[at]), full.at(at), kernel.tasks);
    }
    const std::string& deadlock = analysis.runs[i].deadlock;
    if (!deadlock.empty()) {
      add(deadlock_of(trace, kernel.task, deadlock), Space::vec, kernel.tasks);
    }
  }
  return findings;
}

bool is_same(const Edge& a, const Edge& b) {
  return a.from == b.from && a.to == b.to && a.buffer == b.buffer && a.kind == b.kind;
}

/// `removed` are some of `edges`, in the same order.
std::vector<Edge> without(std::span<const Edge> edges, std::span<const Edge> removed) {
  std::vector<Edge> rest;
  rest.reserve(edges.size());
  std::size_t next = 0;
  for (const Edge& edge : edges) {
    if (next < removed.size() && is_same(edge, removed[next])) {
      ++next;
    } else {
      rest.push_back(edge);
    }
  }
  return rest;
}

/// By severity, then by line; of the same line in the order in which they were found.
std::vector<Finding> gravest_first(std::vector<Finding> findings) {
  std::vector<std::size_t> order(findings.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto key = [&](std::size_t i) {
    return std::tuple(severity(findings[i].kind), findings[i].location, i);
  };
  std::ranges::sort(order, {}, key);
  std::vector<Finding> sorted;
  for (const std::size_t i : order) sorted.push_back(std::move(findings[i]));
  return sorted;
}

}  // namespace

std::vector<ScheduleTask> schedule_tasks(const tile::Trace& trace, const Kernels& kernels,
                                         std::span<const KernelRun> runs) {
  std::vector<ScheduleTask> tasks;
  tasks.reserve(trace.tasks.size());
  for (std::size_t i = 0; i < trace.tasks.size(); ++i) {
    const auto kernel = static_cast<std::size_t>(kernels.kernel_of[i]);
    tasks.push_back(
        {.kind = trace.tasks[i].kind, .blocks = trace.tasks[i].blocks, .time = runs[kernel].time});
  }
  return tasks;
}

Analysis analyse(const tile::Trace& trace, const Chip& chip, const Rules& rules) {
  Analysis result;
  result.kernels = distinct_kernels(trace);
  for (const Kernel& kernel : result.kernels.kernels) {
    result.memory.push_back(plan_memory(trace, kernel.task, chip, rules));
    result.runs.push_back(run_kernel(trace, result.memory.back(), chip));
  }
  result.tasks = schedule_tasks(trace, result.kernels, result.runs);
  result.edges = dependences(trace, rules.windows);
  result.schedule = schedule(chip, result.tasks, result.edges);

  const auto lost_us = [&](std::span<const Edge> removed) {
    const std::vector<Edge> rest = without(result.edges, removed);
    return result.schedule.makespan_us - schedule(chip, result.tasks, rest).makespan_us;
  };
  std::vector<Finding> findings = kernel_findings(trace, chip, rules, result);
  std::ranges::move(hazards(trace, chip, rules, result.edges, lost_us),
                    std::back_inserter(findings));
  result.findings = gravest_first(std::move(findings));
  return result;
}

}  // namespace fulgurite::npu
