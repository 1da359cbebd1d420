#pragma once

#include <cstdint>
#include <vector>

#include "tile/trace.hpp"

namespace fulgurite::npu {

/// Tasks whose kernels do the same, apart from which windows of the tensors they touch.
struct Kernel {
  tile::TaskId task;  ///< the first of them
  std::int64_t tasks = 0;
};

struct Kernels {
  std::vector<Kernel> kernels;          ///< in the order of their first tasks
  std::vector<std::int32_t> kernel_of;  ///< by task: row of `kernels`
};
Kernels distinct_kernels(const tile::Trace& trace);

}  // namespace fulgurite::npu
