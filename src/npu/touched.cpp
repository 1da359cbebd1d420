#include "npu/touched.hpp"

#include <algorithm>
#include <tuple>

namespace fulgurite::npu {

using namespace tile;

namespace {

Index block_of(const Trace& trace, const Op& op) {
  for (IterationId at = op.iteration; at.valid(); at = trace[trace[at].loop].enclosing) {
    if (trace[trace[at].loop].kind == LoopKind::spmd) return trace[at].ordinal;
  }
  return 0;
}

/// The accesses of tasks to one of the buffers, sorted by buffer; then they stay in program order.
std::vector<AccessId> sorted_accesses(const Trace& trace) {
  std::vector<bool> is_written(trace.buffers.size());
  const auto buffer_of = [&](AccessId id) { return trace[trace[id].view].buffer; };
  std::vector<AccessId> accesses;
  for (std::size_t row = 0; row < trace.accesses.size(); ++row) {
    const AccessId id{static_cast<std::int32_t>(row)};
    const Access& access = trace[id];
    if (!trace[access.op].task.valid() || access.extent.elements() == 0) continue;
    accesses.push_back(id);
    if (access.is_write) is_written[buffer_of(id).index()] = true;
  }
  std::erase_if(accesses, [&](AccessId id) { return !is_written[buffer_of(id).index()]; });
  std::stable_sort(accesses.begin(), accesses.end(),
                   [&](AccessId a, AccessId b) { return buffer_of(a) < buffer_of(b); });
  return accesses;
}

bool are_equal(const TouchedWindow& a, const TouchedWindow& b) {
  return a.is_write == b.is_write && a.block == b.block && a.region.offset == b.region.offset &&
         a.region.extent == b.region.extent && a.region.strides == b.region.strides;
}

void extend(std::optional<Region>& hull, const TouchedWindow& window, bool is_first) {
  if (is_first && window.box) hull = window.region;
  if (is_first || !hull) return;
  const std::optional<Shape> box = box_start(*hull);
  if (!box || !window.box || window.region.strides != hull->strides) {
    hull.reset();
    return;
  }
  const Shape& start = *box;
  for (std::size_t axis = 0; axis < start.rank(); ++axis) {
    const Index first = std::min(start[axis], (*window.box)[axis]);
    const Index last = std::max(start[axis] + hull->extent[axis],
                                (*window.box)[axis] + window.region.extent[axis]);
    hull->offset += (first - start[axis]) * hull->strides[axis];
    hull->extent[axis] = last - first;
  }
}

}  // namespace

bool share_elements(const TouchedWindow& a, const TouchedWindow& b) {
  if (!a.box || !b.box || a.region.strides != b.region.strides) {
    return share_elements(a.region, b.region);
  }
  for (std::size_t axis = 0; axis < a.box->rank(); ++axis) {
    if ((*a.box)[axis] + a.region.extent[axis] <= (*b.box)[axis]) return false;
    if ((*b.box)[axis] + b.region.extent[axis] <= (*a.box)[axis]) return false;
  }
  return true;
}

bool may_meet(const TouchedBuffer& a, const TouchedBuffer& b) {
  return !a.hull || !b.hull || runtime_overlap(*a.hull, *b.hull) != Overlap::none;
}

Touched touched(const Trace& trace) {
  Touched result;
  for (const AccessId id : sorted_accesses(trace)) {
    const Access& access = trace[id];
    const Op& op = trace[access.op];
    const BufferId buffer = trace[access.view].buffer;
    if (result.buffers.empty() || result.buffers.back().buffer != buffer ||
        result.buffers.back().task != op.task) {
      const auto end = static_cast<std::int32_t>(result.windows.size());
      result.buffers.push_back({buffer, op.task, {end, end}, false, {}});
    }
    TouchedBuffer& part = result.buffers.back();
    TouchedWindow window{region(trace, access), {}, id, block_of(trace, op), access.is_write};
    const auto first = result.windows.begin() + part.windows.first;
    if (std::any_of(first, result.windows.end(),
                    [&](const TouchedWindow& known) { return are_equal(known, window); })) {
      continue;
    }
    window.box = box_start(window.region);
    extend(part.hull, window, part.windows.size() == 0);
    part.has_write |= window.is_write;
    result.windows.push_back(window);
    part.windows.last = static_cast<std::int32_t>(result.windows.size());
  }
  return result;
}

}  // namespace fulgurite::npu
