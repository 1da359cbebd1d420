#pragma once

#include "indexer/seed_contract.hpp"
#include "programs/forms.hpp"
#include "tile/trace.hpp"

// The programs as a whole: with the numbers of a seed step, or for their trace alone.

namespace fulgurite::programs {

/// The sizes of a step; a topk beyond the cache's rows counts as all of them.
ProgramShape shape_of(const SeedInput& input);

struct SeedRun {
  SeedOutput output;
  tile::Trace trace;
};

/// Runs the step. The input stays as it is; what the program writes is copied first. Throws
/// Error(input or unsupported) for a wrong input, Error(usage) for wrong options.
SeedRun run(const SeedInput& input, const ProgramOptions& options);
SeedRun run(const SeedInput& input, Form form);

/// The record of the indexer, compressor included, without data.
tile::Trace trace(const ProgramShape& shape, const ProgramOptions& options);
tile::Trace trace(const ProgramShape& shape, Form form);

/// The record of the compressor's own entry.
tile::Trace trace_compressor(const ProgramShape& shape, const ProgramOptions& options);

}  // namespace fulgurite::programs
