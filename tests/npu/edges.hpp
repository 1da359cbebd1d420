#pragma once

#include <string>
#include <vector>

#include "npu/dependences.hpp"
#include "tile/tile.hpp"

namespace fulgurite::npu {

/// "0 -> 1 read x", one an edge.
inline std::vector<std::string> texts(const tile::Trace& trace, const std::vector<Edge>& edges) {
  std::vector<std::string> result;
  for (const Edge& edge : edges) {
    std::string text = std::to_string(edge.from.value) + " -> " + std::to_string(edge.to.value);
    switch (edge.kind) {
      case EdgeKind::read_after_write:
        text += " read ";
        break;
      case EdgeKind::write_after_write:
        text += " write ";
        break;
      case EdgeKind::asked:
        text += " asked";
        break;
    }
    if (edge.buffer.valid()) text += trace[edge.buffer].name;
    result.push_back(text);
  }
  return result;
}

inline std::vector<std::string> edges_of(const tile::Trace& trace,
                                         WindowPolicy policy = WindowPolicy::may) {
  return texts(trace, dependences(trace, policy));
}

}  // namespace fulgurite::npu
