#include "cpu/workspace.hpp"

#include "cpu/select.hpp"

namespace fulgurite::cpu {
namespace {

template <class T>
std::int64_t size_of(const core::AlignedBuffer<T>& buffer) {
  return buffer.size() * static_cast<std::int64_t>(sizeof(T));
}

}  // namespace

void ListMemory::ensure(std::int64_t capacity) {
  scores.ensure("candidate scores", capacity + kListSlack);
  rows.ensure("candidate rows", capacity + kListSlack);
  scratch.ensure("selection", static_cast<std::int64_t>(list_scratch_bytes(capacity)));
}

TopList ListMemory::list(std::int64_t k, std::int64_t capacity) {
  return {.k = k,
          .capacity = capacity,
          .count = 0,
          .scores = scores.data(),
          .rows = rows.data(),
          .scratch = scratch.data(),
          .threshold = 0,
          .closed = false,
          .met_nan = false};
}

std::int64_t ListMemory::bytes() const {
  return size_of(scores) + size_of(rows) + size_of(scratch);
}

std::int64_t Workspace::bytes() const {
  std::int64_t all = size_of(packed_rows) + size_of(qr_correction) + size_of(projected) +
                     size_of(q) + size_of(wide_rows) + size_of(wide_q) + size_of(latents) +
                     size_of(latent_scale) + size_of(block_products) + size_of(head_rows) +
                     size_of(codes) + size_of(scales) + size_of(words) + size_of(correction) +
                     size_of(folded) + size_of(part_scores) + size_of(part_rows) + size_of(bounds) +
                     size_of(partial_sums) +
                     static_cast<std::int64_t>(pages.capacity() * sizeof(KeyPage));
  for (const ListMemory& list : lists) all += list.bytes();
  return all;
}

WorkspacePool::Lease::Lease(WorkspacePool& pool) : pool_(pool) {
  const std::lock_guard lock(pool.mutex_);
  if (pool.idle_.empty()) {
    workspace_ = std::make_unique<Workspace>();
    pool.idle_.reserve(++pool.made_);
    return;
  }
  workspace_ = std::move(pool.idle_.back());
  pool.idle_.pop_back();
}

WorkspacePool::Lease::~Lease() {
  const std::lock_guard lock(pool_.mutex_);
  pool_.idle_.push_back(std::move(workspace_));
}

}  // namespace fulgurite::cpu
