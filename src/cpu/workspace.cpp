#include "cpu/workspace.hpp"

namespace fulgurite::cpu {

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
