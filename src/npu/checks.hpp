#pragma once

#include <span>
#include <vector>

#include "npu/chip.hpp"
#include "npu/dependences.hpp"
#include "npu/finding.hpp"
#include "npu/hazards.hpp"
#include "npu/reachability.hpp"
#include "tile/trace.hpp"

// The single checks behind hazards.hpp, a file each. Each gives its findings grouped: one for all
// tasks of a scope, in the order of the first example.

namespace fulgurite::npu {

/// race, raw_race, waw_race, war_race: windows that two tasks, or two blocks of an spmd, touch, one
/// of them writing, and that nothing orders. Judged on the windows that kernels really touch; two
/// iterations of a `parallel` may not share one even if edges happen to order them.
std::vector<Finding> find_races(const tile::Trace& trace, const Reachability& reachability);

/// undefined_read: windows of created and kept tensors that, wholly or in part, no task has
/// written before.
std::vector<Finding> find_undefined_reads(const tile::Trace& trace);

/// What the run itself noticed: undefined_output, undefined_scalar, conversion, negative_dividend,
/// straight_and_transposed.
std::vector<Finding> findings_of_run(const tile::Trace& trace);

/// serial_parallel: edges between iterations of one `parallel`, grouped by outermost `parallel`
/// statement, tensor and pair of scopes. `lost` fills cost_us; without it the cost stays 0.
std::vector<Finding> find_serial_loops(const tile::Trace& trace, std::span<const Edge> edges,
                                       WindowPolicy policy, const LostTime& lost);

/// split_odd, split_reduction, split_reshape, split_window: what the naive halving of a split mixed
/// kernel makes wrong.
std::vector<Finding> find_split_defects(const tile::Trace& trace);

/// short_row, short_dma and padded_cube: rows of tiles, of transfers and of products.
std::vector<Finding> find_short_rows(const tile::Trace& trace, const Chip& chip);

/// ignored_option and task_ring: what an option or the number of tasks does not do.
std::vector<Finding> find_ignored_options(const tile::Trace& trace);
std::vector<Finding> find_full_task_ring(const tile::Trace& trace, const Chip& chip);

}  // namespace fulgurite::npu
