#pragma once

#include <array>
#include <cstdint>
#include <string_view>

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

}  // namespace fulgurite::npu
