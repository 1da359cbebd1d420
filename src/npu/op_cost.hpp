#pragma once

#include <optional>

#include "npu/chip.hpp"
#include "tile/trace.hpp"

namespace fulgurite::npu {

/// Cycles of an operation on the vector pipe of one core. Source: the table of vector instructions
/// in docs/npu-model.md.
double vector_cycles(const tile::Trace& trace, const tile::Op& op,
                     std::optional<tile::SplitMode> split, const Chip& chip);

/// Cycles of a store of a [rows, columns] accumulator from L0C to GM.
double fixpipe_cycles(tile::Index rows, tile::Index columns, tile::Index element_bytes,
                      const Chip& chip);

}  // namespace fulgurite::npu
