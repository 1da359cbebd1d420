#pragma once

#include <string>

#include "demo_data.hpp"
#include "fulgurite/executor.hpp"

namespace fulgurite::app {

/// Compares a step's output with the reference's, bit by bit in all six tensors. Returns where they
/// first differ ("score at [3,0,17]"), or nothing if they are equal. The reference takes a few
/// sequences at a time, which changes no result, side by side on the executor. If that takes more
/// than two seconds and stderr is a terminal, it shows how far it is.
std::string difference_from_reference(const DemoData& data, const SeedOutput& output,
                                      Executor& executor);

}  // namespace fulgurite::app
