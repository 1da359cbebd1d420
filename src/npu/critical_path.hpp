#pragma once

#include <span>
#include <vector>

#include "npu/schedule.hpp"

namespace fulgurite::npu {

/// Of a schedule that is complete but for its path; see Schedule::critical_path.
std::vector<PathStep> critical_path(const Chip& chip, const Schedule& schedule,
                                    std::span<const Edge> edges);

}  // namespace fulgurite::npu
