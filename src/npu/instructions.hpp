#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "npu/kernel_time.hpp"
#include "npu/kernel_values.hpp"

namespace fulgurite::npu {

/// What an instruction does to the ring.
enum class RingStep : std::uint8_t { none, push, pop };

/// One instruction of one side of a kernel.
struct Instruction {
  Pipe pipe = Pipe::vector;
  double cycles = 0;           ///< that it takes of its pipe
  double latency = 0;          ///< cycles more until its result is there
  double move_cycles = 0;      ///< of a product: on MTE1, beside `multiply_cycles`
  double multiply_cycles = 0;  ///< of a product
  double gm_bytes = 0;         ///< of all cores of this side
  std::int32_t execution = 0;
  RingStep ring = RingStep::none;
  std::int32_t frees = 0;  ///< slots of the ring that it is the last reader of
  std::array<std::int32_t, 4> reads{-1, -1, -1, -1};
  std::array<std::int32_t, 3> writes{-1, -1, -1};
};

struct Instructions {
  std::vector<Instruction> cube;
  std::vector<Instruction> vector;
};

Instructions instructions(const tile::Trace& trace, const KernelValues& values, const Chip& chip);

}  // namespace fulgurite::npu
