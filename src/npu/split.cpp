#include "npu/split.hpp"

namespace fulgurite::npu {

using namespace tile;

std::optional<SplitMode> effective_split(const Trace& trace, const Task& task) {
  const Scope& scope = trace[task.scope];
  if (task.kind != TaskKind::mixed || !scope.has_split || scope.split == SplitMode::none) {
    return std::nullopt;
  }
  return scope.split;
}

Shape lane_shape(const Shape& shape, std::optional<SplitMode> mode) {
  Shape lane = shape;
  if (mode && is_halved(shape, mode)) {
    Index& extent = lane[split_axis(*mode)];
    extent = (extent + 1) / 2;
  }
  return lane;
}

}  // namespace fulgurite::npu
