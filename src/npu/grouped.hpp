#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "npu/finding.hpp"
#include "tile/trace.hpp"

namespace fulgurite::npu {

/// Findings about single operations, one for all tasks of a scope: by kind, scope and tensor. The
/// message is that of the first, followed by the other lines where the same is true.
class Grouped {
 public:
  explicit Grouped(const tile::Trace& trace) : trace_(trace) {}

  /// `message()` is asked for only if it is the first.
  template <class Message>
  void add(FindingKind kind, const std::string& tensor, const tile::Op& op, Message message) {
    const tile::ScopeId scope = trace_[op.task].scope;
    const auto [place, is_new] = known_.try_emplace({kind, scope, tensor}, groups_.size());
    if (is_new) {
      Finding finding;
      finding.kind = kind;
      finding.tensor = tensor;
      finding.scopes = {full_name(trace_, scope)};
      finding.location = op.location;
      finding.message = message();
      groups_.push_back({std::move(finding), op.task, {}});
      return;
    }
    Group& group = groups_[place->second];
    if (group.last_task != op.task) ++group.finding.count;
    group.last_task = op.task;
    const bool is_known_line = op.location == group.finding.location ||
                               std::find(group.other_lines.begin(), group.other_lines.end(),
                                         op.location) != group.other_lines.end();
    if (!is_known_line) group.other_lines.push_back(op.location);
  }

  std::vector<Finding> take() {
    std::vector<Finding> findings;
    for (Group& group : groups_) {
      for (std::size_t i = 0; i < group.other_lines.size(); ++i) {
        group.finding.message +=
            (i == 0 ? " Also at " : ", ") + to_string(trace_[group.other_lines[i]]);
      }
      if (!group.other_lines.empty()) group.finding.message += ".";
      findings.push_back(std::move(group.finding));
    }
    return findings;
  }

 private:
  struct Group {
    Finding finding;
    tile::TaskId last_task;
    std::vector<tile::LocationId> other_lines;
  };

  const tile::Trace& trace_;
  std::vector<Group> groups_;
  std::map<std::tuple<FindingKind, tile::ScopeId, std::string>, std::size_t> known_;
};

/// "acc FP32 [128, 32], made by matmul"
inline std::string describe(const tile::Trace& trace, tile::TileId id) {
  const tile::TileRecord& tile = trace[id];
  std::string text = tile.name.empty() ? "" : tile.name + " ";
  text += std::string(name(tile.dtype)) + " " + to_string(tile.shape);
  if (!tile.producer.valid()) return text;
  const tile::Op& op = trace[tile.producer];
  text += ", made by " + std::string(name(op.code));
  if (op.code == tile::OpCode::load && op.access.valid()) {
    text += " of " + trace[trace[trace[op.access].view].buffer].name;
  }
  return text;
}

/// The tensor that a tile was loaded from, or the tile's own name, or nothing.
inline std::string tensor_of(const tile::Trace& trace, tile::TileId id) {
  for (; id.valid(); id = trace[id].view_of) {
    const tile::TileRecord& tile = trace[id];
    if (!tile.name.empty()) return tile.name;
    if (!tile.producer.valid()) return {};
    const tile::Op& op = trace[tile.producer];
    if (op.code == tile::OpCode::load) return trace[trace[trace[op.access].view].buffer].name;
  }
  return {};
}

}  // namespace fulgurite::npu
