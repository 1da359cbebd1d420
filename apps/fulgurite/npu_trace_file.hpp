#pragma once

#include "npu/analysis.hpp"
#include "report/perfetto.hpp"

namespace fulgurite::app {

/// The schedule as a picture: a track for each core, for the orchestrator and for each scheduler
/// thread; a slice for each subtask, named by its scope; an arrow for each dependence.
report::PerfettoTrace perfetto_trace(const tile::Trace& trace, const npu::Chip& chip,
                                     const npu::Analysis& analysis);

}  // namespace fulgurite::app
