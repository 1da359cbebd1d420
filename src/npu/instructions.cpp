#include "npu/instructions.hpp"

#include <algorithm>
#include <unordered_map>

#include "npu/op_cost.hpp"
#include "npu/product.hpp"
#include "npu/regions.hpp"
#include "npu/split.hpp"

namespace fulgurite::npu {

using namespace tile;

namespace {

/// What a transfer moves, and what it costs the memory of the die.
struct Traffic {
  double bytes = 0;
  double line_bytes = 0;  ///< short rows cost a line each
};

class Builder {
 public:
  Builder(const Trace& trace, const KernelValues& values, const Chip& chip)
      : trace_(trace), values_(values), chip_(chip) {}

  Instructions build() {
    const auto& executions = values_.text.executions;
    for (std::size_t row = 0; row < executions.size(); ++row) {
      execution_ = static_cast<std::int32_t>(row);
      touches_ = &values_.touches[row];
      if (executions[row].moved.valid()) {
        move(trace_[executions[row].op], executions[row].moved);
      } else {
        execute(trace_[executions[row].op]);
      }
    }
    free_slots(result_.cube);
    free_slots(result_.vector);
    return std::move(result_);
  }

 private:
  /// How many vector cores do the vector side.
  [[nodiscard]] double lanes() const { return values_.split ? 2 : 1; }

  [[nodiscard]] bool lies_in(std::int32_t value, Side side) const {
    if (value < 0) return false;
    const Space space = values_.values[static_cast<std::size_t>(value)].space;
    return (space == Space::vec) == (side == Side::vector);
  }

  void add(Side side, Pipe pipe, double cycles, double gm_bytes, RingStep ring = RingStep::none) {
    Instruction instruction{.pipe = pipe, .cycles = cycles, .execution = execution_, .ring = ring};
    instruction.gm_bytes = gm_bytes;
    std::size_t count = 0;
    for (const std::int32_t value : touches_->reads) {
      if (lies_in(value, side)) instruction.reads[count++] = value;
    }
    count = 0;
    for (const std::int32_t value : touches_->writes) {
      if (lies_in(value, side)) instruction.writes[count++] = value;
    }
    (side == Side::cube ? result_.cube : result_.vector).push_back(instruction);
  }

  /// A pipe has many transfers under way, so that the start of one is no time of the pipe.
  void transfer(Side side, Pipe pipe, double bytes, double rate, double gm_bytes,
                RingStep ring = RingStep::none) {
    add(side, pipe, bytes / rate, gm_bytes, ring);
    (side == Side::cube ? result_.cube : result_.vector).back().latency = chip_.gm_start_cycles;
  }

  // ---- Moves: one instruction on each side

  void move(const Op& reader, TileId moved) {
    const TileRecord& tile = trace_[moved];
    const auto bytes = static_cast<double>(tile.shape.elements() * element_bytes(tile.dtype));
    const double lane_bytes = bytes * lane_share(moved);
    if (reader.side == Side::vector) {
      add(Side::cube, Pipe::fixpipe,
          fixpipe_cycles(tile.shape[0], tile.shape.back(), element_bytes(tile.dtype), chip_), bytes,
          RingStep::push);
      transfer(Side::vector, Pipe::load, lane_bytes, chip_.gm_to_ub_bytes_per_cycle,
               lane_bytes * lanes(), RingStep::pop);
    } else {
      transfer(Side::vector, Pipe::store, lane_bytes, chip_.ub_to_gm_bytes_per_cycle,
               lane_bytes * lanes(), RingStep::push);
      transfer(Side::cube, Pipe::mte2, bytes, chip_.gm_to_l1_bytes_per_cycle, bytes, RingStep::pop);
    }
  }

  /// The part of a tile's elements that one vector core holds.
  [[nodiscard]] double lane_share(TileId tile) const {
    const Shape& shape = trace_[tile].shape;
    return static_cast<double>(lane_shape(shape, values_.split).elements()) /
           static_cast<double>(shape.elements());
  }

  // ---- Operations

  void execute(const Op& op) {
    const bool on_cube = op.side == Side::cube || op.side == Side::both;
    const bool on_vector = op.side == Side::vector || op.side == Side::both;
    if (on_cube) execute_on_cube(op);
    if (on_vector) execute_on_vector(op);
  }

  void execute_on_cube(const Op& op) {
    switch (op.code) {
      case OpCode::load: {
        const Traffic traffic = traffic_of(op);
        transfer(Side::cube, Pipe::mte2, traffic.bytes, chip_.gm_to_l1_bytes_per_cycle,
                 traffic.line_bytes);
        break;
      }
      case OpCode::store:
      case OpCode::keep: {
        const TileRecord& tile = trace_[op.operands[0]];
        add(Side::cube, Pipe::fixpipe,
            fixpipe_cycles(tile.shape[0], tile.shape.back(), out_bytes(op), chip_),
            traffic_of(op).line_bytes);
        break;
      }
      case OpCode::matmul:
      case OpCode::matmul_acc:
        multiply(op);
        break;
      default:
        break;
    }
  }

  [[nodiscard]] Index out_bytes(const Op& op) const {
    return element_bytes(trace_[trace_[trace_[op.access].view].buffer].dtype);
  }

  /// L0A and L0B have room for the next step's operands, so moving and multiplying overlap.
  void multiply(const Op& op) {
    const Product cut = product(trace_, op, chip_);
    const double move = npu::move_cycles(cut, chip_);
    const double multiply = npu::multiply_cycles(cut, chip_);
    add(Side::cube, Pipe::cube,
        std::max(move, multiply) + std::min(move, multiply) / static_cast<double>(cut.steps), 0);
    result_.cube.back().move_cycles = move;
    result_.cube.back().multiply_cycles = multiply;
  }

  void execute_on_vector(const Op& op) {
    switch (op.code) {
      case OpCode::load: {
        const Traffic traffic = traffic_of(op);
        const double share = lane_share(op.result);
        transfer(Side::vector, Pipe::load, traffic.bytes * share, chip_.gm_to_ub_bytes_per_cycle,
                 traffic.line_bytes * share * lanes());
        break;
      }
      case OpCode::store:
      case OpCode::keep:
      case OpCode::write: {
        const Traffic traffic = traffic_of(op);
        const double share = op.operands[0].valid() ? lane_share(op.operands[0]) : 1;
        transfer(Side::vector, Pipe::store, traffic.bytes * share, chip_.ub_to_gm_bytes_per_cycle,
                 traffic.line_bytes * share * lanes());
        break;
      }
      case OpCode::create_tensor:
        break;
      default:
        add(Side::vector, Pipe::vector, vector_cycles(trace_, op, values_.split, chip_), 0);
        break;
    }
  }

  [[nodiscard]] Traffic traffic_of(const Op& op) const {
    if (!op.access.valid()) return {};
    const Region window = region(trace_, trace_[op.access]);
    const auto element =
        static_cast<double>(element_bytes(trace_[trace_[trace_[op.access].view].buffer].dtype));
    const auto elements = static_cast<double>(window.extent.elements());
    if (elements == 0) return {};
    const auto run = static_cast<double>(contiguous_elements(window));
    const double row_bytes = std::max(run * element, chip_.dma_line_bytes);
    return {elements * element, elements / run * row_bytes};
  }

  // ---- Slots

  /// A slot is free once the last reader of the tile that was popped from it is through.
  static void free_slots(std::vector<Instruction>& side) {
    std::unordered_map<std::int32_t, std::size_t> last_reader;  // by popped value, still in use
    for (std::size_t at = 0; at < side.size(); ++at) {
      for (const std::int32_t value : side[at].reads) {
        const auto popped = last_reader.find(value);
        if (popped != last_reader.end()) popped->second = at;
      }
      if (side[at].ring != RingStep::pop) continue;
      const auto [popped, is_first] = last_reader.try_emplace(side[at].writes[0], at);
      if (is_first) continue;
      ++side[popped->second].frees;
      popped->second = at;
    }
    for (const auto& [value, reader] : last_reader) ++side[reader].frees;
  }

  const Trace& trace_;
  const KernelValues& values_;
  const Chip& chip_;
  Instructions result_;
  std::int32_t execution_ = 0;
  const Touches* touches_ = nullptr;
};

}  // namespace

Instructions instructions(const Trace& trace, const KernelValues& values, const Chip& chip) {
  return Builder(trace, values, chip).build();
}

}  // namespace fulgurite::npu
