#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "npu/chip.hpp"
#include "npu/memory.hpp"
#include "tile/trace.hpp"

namespace fulgurite::npu {

enum class Pipe : std::uint8_t {
  // of the cube core
  mte2,  ///< GM -> L1
  mte1,  ///< L1 -> L0A, L0B
  cube,
  fixpipe,  ///< L0C -> GM
  // of a vector core
  load,  ///< GM -> UB
  vector,
  store,  ///< UB -> GM
};
inline constexpr std::size_t kPipes = 7;
std::string_view name(Pipe pipe);

/// How long one kernel of a task runs, in microseconds. For an spmd, one block.
struct KernelTime {
  double cube_us = 0;                    ///< from start to end of the cube side; 0 if none
  double vector_us = 0;                  ///< of one vector core; lanes take the same time
  std::array<double, kPipes> busy_us{};  ///< by Pipe
  double gm_bytes = 0;                   ///< read and written, all cores of the task
  [[nodiscard]] double us() const { return cube_us > vector_us ? cube_us : vector_us; }
};

/// A kernel that was run on the model of its cores.
struct KernelRun {
  KernelTime time;       ///< up to the deadlock, if there is one
  std::string deadlock;  ///< which side waits for which slot of the ring; else empty
};

/// Runs the instructions of the planned task, or of its first block, on the pipes of one cube core
/// and one vector core. Pipes work in order and side by side. An instruction starts when its pipe
/// is free, its operands are made, and nothing still uses the bytes that it writes; on the vector
/// side also when the iteration before, of a plain loop, has ended. A transfer's data is there
/// `gm_start_cycles` after its pipe is done with it. The ring makes a push wait for a free slot and
/// a pop for a full one. See docs/npu-model.md.
KernelRun run_kernel(const tile::Trace& trace, const KernelMemory& memory, const Chip& chip);

}  // namespace fulgurite::npu
