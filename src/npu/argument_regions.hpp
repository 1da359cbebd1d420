#pragma once

#include <vector>

#include "npu/rules.hpp"
#include "tile/trace.hpp"

namespace fulgurite::npu {

/// The region that the runtime sees of each of `trace.arguments`: the whole view that is passed,
/// or, where the compiler of that date narrows it, the box of it that the kernel touches.
///
/// A box is one affine window: what the kernel touches of the view fills it.
/// - may: an output, if all outputs of the task have such a box, unless a task of another scope
///   later reads the whole buffer. Inputs never.
/// - june: inputs and outputs.
/// - off: none.
std::vector<tile::Region> argument_regions(const tile::Trace& trace, WindowPolicy policy);

}  // namespace fulgurite::npu
