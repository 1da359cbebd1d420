#pragma once

#include "core/float_mode.hpp"
#include "fulgurite/executor.hpp"

namespace fulgurite::core {

/// executor.run(count, body), each call of body(index) in the float mode of the definition. The
/// threads may be an engine's, so the mode is set for each task and not once for each thread.
template <class Body>
void for_each_task(Executor& executor, int count, const Body& body) {
  executor.run(count, [&body](int index) {
    const FloatMode mode;
    body(index);
  });
}

}  // namespace fulgurite::core
