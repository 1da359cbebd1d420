#pragma once

#include <vector>

#include "tile/trace.hpp"

namespace fulgurite::npu {

/// What the runtime is told that a task does with an argument.
enum class Direction : std::uint8_t {
  in,        ///< waits for the writers that overlap
  in_out,    ///< the same, and is a writer
  existing,  ///< a writer only: no lookup, hence no edge, not even to an earlier writer
};

/// The direction of each of `trace.arguments` (pypto pass 37). Only read: in. Read and written:
/// in_out. Only written: existing, unless
/// - the parameter is declared inout,
/// - R-seq: a loop of the orchestrator around the task is sequential, or
/// - R-prior: an earlier statement of the same or an enclosing level has already written the
///   buffer. A loop is one statement, and each iteration begins with what was written before it.
std::vector<Direction> directions(const tile::Trace& trace);

}  // namespace fulgurite::npu
