#pragma once

#include <optional>
#include <vector>

#include "npu/regions.hpp"
#include "tile/trace.hpp"

namespace fulgurite::npu {

/// A window of a buffer that a kernel touches; repeated windows only once.
struct TouchedWindow {
  tile::Region region;
  std::optional<tile::Shape> box;  ///< box_start of the region
  tile::AccessId access;           ///< the first time
  tile::Index block = 0;           ///< of an spmd
  bool is_write = false;
};
bool share_elements(const TouchedWindow& a, const TouchedWindow& b);

/// What one task touches of one buffer.
struct TouchedBuffer {
  tile::BufferId buffer;
  tile::TaskId task;
  tile::Range windows;  ///< of Touched::windows
  bool has_write = false;
  std::optional<tile::Region> hull;  ///< a box around all windows, if all are boxes of one array
};
/// False only if no window of one meets a window of the other.
bool may_meet(const TouchedBuffer& a, const TouchedBuffer& b);

/// Sorted by buffer, then by task.
struct Touched {
  std::vector<TouchedWindow> windows;
  std::vector<TouchedBuffer> buffers;
};
/// Only of buffers that a task writes.
Touched touched(const tile::Trace& trace);

}  // namespace fulgurite::npu
