#pragma once

#include <vector>

#include "npu/memory.hpp"
#include "tile/trace.hpp"

namespace fulgurite::npu {

/// A loop of a kernel's text.
struct TextLoop {
  tile::LoopKind kind = tile::LoopKind::range;
  tile::Index stage = 0;  ///< of a pipeline
  std::int32_t parent = -1;
  std::int32_t first = 0;  ///< statements, both within
  std::int32_t last = 0;
};

/// One execution of a statement.
struct Execution {
  tile::OpId op;
  std::int32_t statement = 0;
  tile::TileId moved;  ///< of a move: the tile that crosses; `op` is then its first reader
};

/// The text of a kernel, recovered from one run of it: iterations of a loop are laid over each
/// other, so that each statement stands once, in an order that fits all of them. Operations that
/// cost nothing (views, scalars) are left out; a move stands before the first reader of the tile
/// that crosses, once for each block of statements that reads it. Loads of whole tensors stand at
/// the top.
struct KernelText {
  std::vector<Statement> statements;
  std::vector<std::int32_t> loop_of;  ///< by statement: its innermost loop, or -1
  std::vector<TextLoop> loops;
  std::vector<Execution> executions;  ///< in the order of the run

  [[nodiscard]] bool contains(std::int32_t loop, std::int32_t statement) const {
    const TextLoop& range = loops[static_cast<std::size_t>(loop)];
    return range.first <= statement && statement <= range.last;
  }
};

/// Of an spmd, the first block.
KernelText kernel_text(const tile::Trace& trace, tile::TaskId task);

/// The operation reads a tile that lives on the other side.
bool needs_move(const tile::Trace& trace, const tile::Op& op, tile::TileId operand);

/// The loads of a tensor as an operand happen once, at the kernel's top.
bool is_whole_load(const tile::Trace& trace, const tile::Op& op);

}  // namespace fulgurite::npu
