#pragma once

#include <vector>

#include "npu/rules.hpp"
#include "tile/trace.hpp"

namespace fulgurite::npu {

/// Why the runtime makes one task wait for another.
enum class EdgeKind : std::uint8_t {
  read_after_write,
  write_after_write,  ///< the later one is InOut
  asked,              ///< `deps` of the scope
};

struct Edge {
  tile::TaskId from;
  tile::TaskId to;
  EdgeKind kind = EdgeKind::read_after_write;
  tile::BufferId buffer;  ///< none if asked
  tile::Region producer;  ///< the argument's region as the runtime sees it
  tile::Region consumer;
};

/// The edges that the runtime makes, from the regions of arguments: one for each pair of tasks and
/// buffer, in the order of `to`, then of `from`.
std::vector<Edge> dependences(const tile::Trace& trace, WindowPolicy policy);

}  // namespace fulgurite::npu
