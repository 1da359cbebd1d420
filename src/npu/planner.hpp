#pragma once

#include <vector>

#include "npu/kernel_values.hpp"
#include "npu/memory.hpp"

namespace fulgurite::npu {

/// Lays the values of one space out from `bottom` on; by value its buffer, -1 for other spaces.
struct Layout {
  std::vector<BufferPlan> buffers;
  std::vector<std::int32_t> buffer_of;
  tile::Index end = 0;  ///< of the last buffer
};
Layout lay_out(const KernelValues& values, Space space, tile::Index bottom, tile::Index align,
               Planner planner);

}  // namespace fulgurite::npu
