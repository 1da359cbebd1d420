#pragma once

#include <vector>

#include "tile/trace.hpp"

namespace fulgurite::npu {

/// The orchestrator's iterations around a task, outermost first. The first entry is none: the
/// function itself.
std::vector<tile::IterationId> loop_nest(const tile::Trace& trace, const tile::Task& task);
std::vector<std::vector<tile::IterationId>> loop_nests(const tile::Trace& trace);

/// Where two tasks part: the loop, of whose iterations one holds the first and another the second.
/// None if no loop parts them.
struct Parting {
  tile::LoopId loop;
  tile::IterationId first;
  tile::IterationId second;
};
Parting parting(const tile::Trace& trace, const std::vector<tile::IterationId>& first,
                const std::vector<tile::IterationId>& second);

/// Whether they stand in two iterations of one execution of a `parallel` loop.
bool is_parallel(const tile::Trace& trace, const Parting& parting);

}  // namespace fulgurite::npu
