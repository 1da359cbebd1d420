#include "cpu/workspace.hpp"

#include "cpu/select.hpp"

namespace fulgurite::cpu {

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
