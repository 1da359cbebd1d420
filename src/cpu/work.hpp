#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "core/checked.hpp"
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

/// body(first, last) for runs that cover [0, count): all at once on one lane, else some runs a
/// lane, each a multiple of `step` but for the last.
template <class Body>
void for_each_run(Executor& executor, std::int64_t count, std::int64_t step, const Body& body) {
  if (count == 0) return;
  constexpr std::int64_t kRunsPerLane = 8;
  const std::int64_t lanes = executor.threads();
  const std::int64_t even = lanes == 1 ? count : core::divide_up(count, kRunsPerLane * lanes);
  const std::int64_t run = core::round_up(even, step);
  for_each_unit(executor, core::divide_up(count, run), [&](int, std::int64_t unit) {
    body(unit * run, std::min((unit + 1) * run, count));
  });
}

}  // namespace fulgurite::cpu
