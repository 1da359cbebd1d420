#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "core/parallel.hpp"

namespace fulgurite::cpu {

/// body(lane, unit) once for each unit in [0, units), in the float mode of the definition. A lane
/// is one of executor.threads() tasks that each take the next unit as they become free: what a lane
/// owns, such as scratch memory, no other uses meanwhile.
template <class Body>
void for_each_unit(Executor& executor, std::int64_t units, const Body& body) {
  const auto lanes = static_cast<int>(std::min<std::int64_t>(executor.threads(), units));
  std::atomic<std::int64_t> next{0};
  core::for_each_task(executor, lanes, [&](int lane) {
    for (std::int64_t unit = next++; unit < units; unit = next++) body(lane, unit);
  });
}

}  // namespace fulgurite::cpu
