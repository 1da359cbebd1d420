#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "npu/dependences.hpp"

namespace fulgurite::npu {

/// Which task runs behind which: the transitive order over edges.
class Reachability {
 public:
  /// `edges` in the order of `to`, each from an earlier task to a later one.
  Reachability(std::size_t tasks, std::span<const Edge> edges);

  /// A path of edges leads from `first` to `second`.
  [[nodiscard]] bool orders(tile::TaskId first, tile::TaskId second) const {
    const std::uint64_t word = bits_[second.index() * words_ + first.index() / 64];
    return (word >> (first.index() % 64) & 1U) != 0;
  }

 private:
  std::size_t words_;                ///< of a task
  std::vector<std::uint64_t> bits_;  ///< of each task those that it runs behind
};

}  // namespace fulgurite::npu
