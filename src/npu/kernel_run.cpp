#include <algorithm>
#include <optional>

#include "npu/instructions.hpp"
#include "npu/kernel_time.hpp"
#include "npu/product.hpp"

namespace fulgurite::npu {

using namespace tile;

namespace {

std::size_t at(std::int32_t number) { return static_cast<std::size_t>(number); }

/// When the bytes of a core's buffers are made and no longer used. Values lie in *places*: the
/// copies of buffers.
class Places {
 public:
  Places(const KernelValues& values, const KernelMemory& memory)
      : values_(values), first_(values.values.size(), -1), copies_(values.values.size(), 1) {
    for (const SpacePlan& space : memory.spaces) {
      if (space.space == Space::l0a || space.space == Space::l0b) continue;
      const std::size_t begin = places_.size();
      for (const BufferPlan& buffer : space.buffers) {
        for (const Tenant& tenant : buffer.tenants) {
          if (first_[at(tenant.value)] >= 0) continue;  // a twin's
          first_[at(tenant.value)] = static_cast<std::int32_t>(places_.size());
          copies_[at(tenant.value)] = buffer.copies;
        }
        for (Index copy = 0; copy < buffer.copies; ++copy) {
          const Index offset = buffer.offset + copy * buffer.bytes;
          places_.push_back({.from = offset, .to = offset + buffer.bytes, .meets = {}});
        }
      }
      find_meetings(begin);
    }
  }

  [[nodiscard]] double ready(std::int32_t value, Index round) const {
    return places_[place(value, round)].made;
  }
  /// When nothing that lies there is used any more.
  [[nodiscard]] double unused(std::int32_t value, Index round) const {
    double time = 0;
    for (const std::size_t other : places_[place(value, round)].meets) {
      time = std::max(time, places_[other].used);
    }
    return time;
  }
  void use(std::int32_t value, Index round, double end) {
    Place& used = places_[place(value, round)];
    used.used = std::max(used.used, end);
  }
  void make(std::int32_t value, Index round, double end) {
    use(value, round, end);
    places_[place(value, round)].made = end;
  }

 private:
  struct Place {
    Index from = 0;
    Index to = 0;
    double made = 0;
    double used = 0;
    std::vector<std::size_t> meets;  ///< places with bytes in common, itself included
  };

  void find_meetings(std::size_t begin) {
    for (std::size_t a = begin; a < places_.size(); ++a) {
      for (std::size_t b = begin; b < places_.size(); ++b) {
        if (places_[a].from < places_[b].to && places_[b].from < places_[a].to) {
          places_[a].meets.push_back(b);
        }
      }
    }
  }

  [[nodiscard]] std::size_t place(std::int32_t value, Index round) const {
    const bool has_copies = values_.values[at(value)].copies > 1;
    const Index copy = has_copies ? round % copies_[at(value)] : 0;
    return at(first_[at(value)]) + static_cast<std::size_t>(copy);
  }

  const KernelValues& values_;
  std::vector<std::int32_t> first_;  ///< by value: its first place
  std::vector<Index> copies_;        ///< by value: places side by side
  std::vector<Place> places_;
};

/// One direction of the ring. Slots that are free again are told to the producer in batches.
class Fifo {
 public:
  explicit Fifo(Index slots)
      : slots_(static_cast<std::size_t>(slots)), batch_(std::max<std::size_t>(1, slots_ / 2)) {}

  /// When the producer knows of a free slot for its next tile; none if that is still open.
  [[nodiscard]] std::optional<double> slot_free() const {
    if (pushed_.size() < slots_) return 0;
    const std::size_t needed = (pushed_.size() - slots_ + batch_) / batch_ * batch_;
    if (freed_.size() < needed) return std::nullopt;
    return freed_[needed - 1];
  }
  /// When the next tile to be popped is there; none if that is still open.
  [[nodiscard]] std::optional<double> tile_there() const {
    if (popped_ == pushed_.size()) return std::nullopt;
    return pushed_[popped_];
  }
  void push(double end) { pushed_.push_back(end); }
  void pop() { ++popped_; }
  void free(double end) { freed_.push_back(end); }

 private:
  std::size_t slots_;
  std::size_t batch_;
  std::vector<double> pushed_;
  std::vector<double> freed_;
  std::size_t popped_ = 0;
};

/// One side at work: its instructions in order, each pipe a queue.
struct Worker {
  const std::vector<Instruction>& instructions;
  Fifo& out;
  Fifo& in;
  bool is_vector;
  std::size_t next = 0;
  IterationId iteration{};  ///< of the last instruction
  std::array<double, kPipes> free{};
  double end = 0;
  [[nodiscard]] bool is_done() const { return next == instructions.size(); }
};

class Run {
 public:
  Run(const Trace& trace, const KernelMemory& memory, const Chip& chip)
      : trace_(trace),
        memory_(memory),
        us_per_cycle_(1 / chip.clock_mhz),
        values_(kernel_values(trace, memory.task, chip, memory.split)),
        places_(values_, memory),
        instructions_(npu::instructions(trace, values_, chip)) {}

  KernelRun run() {
    Fifo to_vector(memory_.ring.slots);
    Fifo to_cube(memory_.ring.slots);
    Worker cube{
        .instructions = instructions_.cube, .out = to_vector, .in = to_cube, .is_vector = false};
    Worker vector{
        .instructions = instructions_.vector, .out = to_cube, .in = to_vector, .is_vector = true};
    bool has_moved = true;
    while (has_moved) {
      has_moved = false;
      while (step(cube)) has_moved = true;
      while (step(vector)) has_moved = true;
    }
    if (!cube.is_done() || !vector.is_done()) explain(cube, vector);
    result_.time.cube_us = cube.end * us_per_cycle_;
    result_.time.vector_us = vector.end * us_per_cycle_;
    return std::move(result_);
  }

 private:
  /// The next instruction of a side, unless it waits for the other one.
  bool step(Worker& side) {
    if (side.is_done()) return false;
    const Instruction& instruction = side.instructions[side.next];
    const Index round = values_.touches[at(instruction.execution)].round;
    enter_iteration(side, instruction);
    double start = side.free[static_cast<std::size_t>(instruction.pipe)];
    if (instruction.ring != RingStep::none) {
      const bool is_push = instruction.ring == RingStep::push;
      const std::optional<double> ready = is_push ? side.out.slot_free() : side.in.tile_there();
      if (!ready) return false;
      start = std::max(start, *ready);
    }
    for (const std::int32_t value : instruction.reads) {
      if (value >= 0) start = std::max(start, places_.ready(value, round));
    }
    for (const std::int32_t value : instruction.writes) {
      if (value >= 0) start = std::max(start, places_.unused(value, round));
    }
    finish(side, instruction, round, start);
    return true;
  }

  /// On a vector core, iterations of a plain loop do not overlap: all pipes wait for the last one.
  void enter_iteration(Worker& side, const Instruction& instruction) {
    const Op& op = trace_[values_.text.executions[at(instruction.execution)].op];
    if (op.iteration == side.iteration) return;
    if (side.is_vector && (is_of_range(op.iteration) || is_of_range(side.iteration))) {
      for (double& free : side.free) free = std::max(free, side.end);
    }
    side.iteration = op.iteration;
  }
  [[nodiscard]] bool is_of_range(IterationId iteration) const {
    if (!iteration.valid()) return false;
    const Loop& loop = trace_[trace_[iteration].loop];
    return loop.task.valid() && loop.kind == LoopKind::range;
  }

  void finish(Worker& side, const Instruction& instruction, Index round, double start) {
    const double end = start + instruction.cycles + instruction.latency;
    for (const std::int32_t value : instruction.reads) {
      if (value >= 0) places_.use(value, round, end);
    }
    for (const std::int32_t value : instruction.writes) {
      if (value >= 0) places_.make(value, round, end);
    }
    if (instruction.ring == RingStep::push) side.out.push(end);
    if (instruction.ring == RingStep::pop) side.in.pop();
    for (std::int32_t i = 0; i < instruction.frees; ++i) side.in.free(end);
    side.free[static_cast<std::size_t>(instruction.pipe)] = start + instruction.cycles;
    side.end = std::max(side.end, end);
    ++side.next;
    count(instruction);
  }

  void count(const Instruction& instruction) {
    const auto busy = [&](Pipe pipe) -> double& {
      return result_.time.busy_us[static_cast<std::size_t>(pipe)];
    };
    if (instruction.move_cycles > 0) {
      busy(Pipe::mte1) += instruction.move_cycles * us_per_cycle_;
      busy(Pipe::cube) += instruction.multiply_cycles * us_per_cycle_;
    } else {
      busy(instruction.pipe) += instruction.cycles * us_per_cycle_;
    }
    result_.time.gm_bytes += instruction.gm_bytes;
  }

  void explain(const Worker& cube, const Worker& vector) {
    result_.deadlock = "the two sides wait for each other: " + waiting("cube", cube) + ", " +
                       waiting("vector", vector) + "; the ring has " +
                       std::to_string(memory_.ring.slots) +
                       (memory_.ring.slots == 1 ? " slot" : " slots") + " for each direction";
  }

  [[nodiscard]] std::string waiting(const std::string& side, const Worker& worker) const {
    if (worker.is_done()) return "the " + side + " side is through";
    const Instruction& instruction = worker.instructions[worker.next];
    const Execution& execution = values_.text.executions[at(instruction.execution)];
    const TileRecord& tile = trace_[execution.moved];
    const Op& maker = trace_[tile.producer];
    const std::string what = (tile.name.empty() ? std::string(name(maker.code)) : tile.name) + " " +
                             to_string(tile.shape) + " of " + to_string(trace_[maker.location]);
    return "the " + side + " side for " +
           (instruction.ring == RingStep::push ? "a free slot for " : "the tile ") + what;
  }

  const Trace& trace_;
  const KernelMemory& memory_;
  double us_per_cycle_;
  KernelValues values_;
  Places places_;
  Instructions instructions_;
  KernelRun result_;
};

}  // namespace

KernelRun run_kernel(const Trace& trace, const KernelMemory& memory, const Chip& chip) {
  return Run(trace, memory, chip).run();
}

}  // namespace fulgurite::npu
