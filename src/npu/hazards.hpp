#pragma once

#include <functional>
#include <span>
#include <vector>

#include "npu/chip.hpp"
#include "npu/dependences.hpp"
#include "npu/finding.hpp"
#include "npu/rules.hpp"
#include "tile/trace.hpp"

namespace fulgurite::npu {

/// How much shorter the schedule is without these edges, in microseconds.
using LostTime = std::function<double(std::span<const Edge> removed)>;

/// Races, undefined data, serial loops, split defects, short rows and ignored options of a run:
/// everything that a program does wrong but what does not fit (memory.hpp). One finding for all
/// tasks of a scope. Sorted by severity, then by the line's first execution.
///
/// `edges` are those of `dependences` under `rules`. Without `lost` the costs stay 0.
std::vector<Finding> hazards(const tile::Trace& trace, const Chip& chip, const Rules& rules,
                             std::span<const Edge> edges, const LostTime& lost = {});

}  // namespace fulgurite::npu
