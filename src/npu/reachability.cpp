#include "npu/reachability.hpp"

namespace fulgurite::npu {

Reachability::Reachability(std::size_t tasks, std::span<const Edge> edges)
    : words_((tasks + 63) / 64), bits_(tasks * words_) {
  for (const Edge& edge : edges) {
    const std::uint64_t* const from = &bits_[edge.from.index() * words_];
    std::uint64_t* const to = &bits_[edge.to.index() * words_];
    for (std::size_t word = 0; word < words_; ++word) to[word] |= from[word];
    to[edge.from.index() / 64] |= std::uint64_t{1} << (edge.from.index() % 64);
  }
}

}  // namespace fulgurite::npu
