#include <algorithm>
#include <map>
#include <tuple>

#include "npu/checks.hpp"
#include "npu/loop_nest.hpp"
#include "npu/regions.hpp"

namespace fulgurite::npu {
namespace {

using namespace tile;

/// Edges of one outermost parallel statement through one tensor between two scopes.
struct Group {
  std::vector<const Edge*> edges;
  LoopId loop;  ///< that parts the first edge's tasks
  IterationId from;
  IterationId to;
};

/// The statement of the outermost parallel loop around both tasks.
LocationId outermost_parallel(const Trace& trace, const std::vector<IterationId>& nest) {
  const auto found = std::find_if(nest.begin() + 1, nest.end(), [&](IterationId iteration) {
    return trace[trace[iteration].loop].kind == LoopKind::parallel;
  });
  return trace[trace[*found].loop].location;
}

std::string plural(std::size_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

/// How many tasks, each behind the last by one of the group's edges, the longest path has.
std::size_t chain_length(std::size_t tasks, std::span<const Edge> edges, const Group& group) {
  std::vector<std::size_t> length(tasks, 1);
  std::size_t longest = 1;
  std::size_t next = 0;
  for (const Edge& edge : edges) {
    const bool is_counted = next < group.edges.size() && &edge == group.edges[next];
    if (is_counted) ++next;
    std::size_t& own = length[edge.to.index()];
    own = std::max(own, length[edge.from.index()] + (is_counted ? 1 : 0));
    longest = std::max(longest, own);
  }
  return longest;
}

std::string advice(const Trace& trace, const Edge& edge, WindowPolicy policy) {
  const std::string& tensor = trace[edge.buffer].name;
  if (edge.kind == EdgeKind::write_after_write) {
    return "The kernel only writes " + tensor +
           ", but the tensor had been written before the loop or by an earlier scope of it, so the "
           "runtime takes it for an update of all that it is passed. Write to another tensor than "
           "the earlier one, or pass each iteration a slice that the orchestrator takes.";
  }
  return "The runtime sees the tensors that are passed (" + std::string(name(policy)) +
         "), not the windows that a kernel touches. "
         "Write to another tensor than is read, or pass each iteration a slice that the "
         "orchestrator takes.";
}

double cost_of(const Group& group, const LostTime& lost) {
  std::vector<Edge> removed;
  for (const Edge* edge : group.edges) removed.push_back(*edge);
  return lost(removed);
}

Finding finding_of(const Trace& trace, std::span<const Edge> edges, const Group& group,
                   WindowPolicy policy, const LostTime& lost) {
  const Edge& edge = *group.edges.front();
  Finding finding;
  finding.kind = FindingKind::serial_parallel;
  finding.tensor = trace[edge.buffer].name;
  finding.scopes = {full_name(trace, trace[edge.from].scope),
                    full_name(trace, trace[edge.to].scope)};
  finding.count = static_cast<std::int64_t>(group.edges.size());
  finding.location = trace[group.loop].location;
  if (lost) finding.cost_us = cost_of(group, lost);
  finding.message =
      "In the parallel loop at " + to_string(trace[trace[group.loop].location]) + ", " +
      finding.scopes[1] + " of iteration " + std::to_string(trace[group.to].value) + " waits for " +
      finding.scopes[0] + " of iteration " + std::to_string(trace[group.from].value) + " through " +
      finding.tensor + ": the earlier task writes " + describe(trace, edge.producer) +
      ", the later " + (edge.kind == EdgeKind::write_after_write ? "writes " : "reads ") +
      describe(trace, edge.consumer) + ". " + plural(group.edges.size(), "edge") +
      " like this; up to " + std::to_string(chain_length(trace.tasks.size(), edges, group)) +
      " iterations run one after another. " + advice(trace, edge, policy);
  return finding;
}

}  // namespace

std::vector<Finding> find_serial_loops(const Trace& trace, std::span<const Edge> edges,
                                       WindowPolicy policy, const LostTime& lost) {
  using Key = std::tuple<LocationId, std::string, ScopeId, ScopeId>;
  const std::vector<std::vector<IterationId>> nests = loop_nests(trace);
  std::vector<Group> groups;
  std::map<Key, std::size_t> known;
  for (const Edge& edge : edges) {
    if (edge.kind == EdgeKind::asked) continue;
    const auto& nest = nests[edge.from.index()];
    const Parting parting = npu::parting(trace, nest, nests[edge.to.index()]);
    if (!is_parallel(trace, parting)) continue;
    const Key key{outermost_parallel(trace, nest), trace[edge.buffer].name, trace[edge.from].scope,
                  trace[edge.to].scope};
    const auto [place, is_new] = known.try_emplace(key, groups.size());
    if (is_new) groups.push_back({{}, parting.loop, parting.first, parting.second});
    groups[place->second].edges.push_back(&edge);
  }
  std::vector<Finding> findings;
  for (const Group& group : groups)
    findings.push_back(finding_of(trace, edges, group, policy, lost));
  return findings;
}

}  // namespace fulgurite::npu
