#include "npu/memory.hpp"

#include <algorithm>

#include "core/checked.hpp"
#include "npu/kernel_values.hpp"
#include "npu/planner.hpp"
#include "npu/product.hpp"
#include "npu/split.hpp"

namespace fulgurite::npu {

using namespace tile;

namespace {

Index whole_bytes(double number) { return static_cast<Index>(number); }

Index align_of(const Chip& chip, Space space) {
  switch (space) {
    case Space::l1:
      return whole_bytes(chip.l1_align_bytes);
    case Space::l0a:
    case Space::l0b:
      return whole_bytes(chip.l0_align_bytes);
    case Space::l0c:
      return whole_bytes(chip.l0c_align_bytes);
    case Space::vec:
      break;
  }
  return whole_bytes(chip.vec_align_bytes);
}

/// Lays a space out with as many copies of pipelined tiles as fit.
Layout lay_out_within(KernelValues& values, Space space, Index bottom, const Chip& chip,
                      Planner planner) {
  const auto plan = [&] { return lay_out(values, space, bottom, align_of(chip, space), planner); };
  Layout layout = plan();
  while (layout.end > limit(chip, space)) {
    bool has_copies = false;
    for (KernelValue& value : values.values) {
      if (value.space != space || value.copies == 1) continue;
      --value.copies;
      has_copies = true;
    }
    if (!has_copies) break;
    layout = plan();
  }
  return layout;
}

/// The second vector core of a scope that is split by NONE has the same buffers once more.
void double_buffers(SpacePlan& plan) {
  const std::size_t count = plan.buffers.size();
  const Index size = plan.used_bytes - plan.ring_bytes;
  for (std::size_t number = 0; number < count; ++number) {
    BufferPlan twin = plan.buffers[number];
    twin.offset += size;
    plan.buffers.push_back(std::move(twin));
  }
  plan.used_bytes += size;
}

/// What the compiler puts there of the operands, piece by piece.
SpacePlan plan_l0(const Trace& trace, const KernelMemory& memory, const Chip& chip, Space space) {
  SpacePlan plan{.space = space, .limit_bytes = limit(chip, space), .buffers = {}};
  const Index align = align_of(chip, space);
  for (std::size_t number = 0; number < memory.statements.size(); ++number) {
    const Statement& statement = memory.statements[number];
    const Op& op = trace[statement.op];
    if (statement.is_pop || (op.code != OpCode::matmul && op.code != OpCode::matmul_acc)) continue;
    const Product cut = product(trace, op, chip);
    const Index bytes = space == Space::l0a ? cut.a_bytes() : cut.b_bytes();
    const Index aligned = core::round_up(bytes, align);
    if (aligned * cut.copies() <= plan.used_bytes) continue;
    const std::size_t first = op.code == OpCode::matmul_acc ? 1 : 0;
    const std::size_t operand = space == Space::l0b ? first + 1 : first;
    const auto at = static_cast<std::int32_t>(number);
    plan.used_bytes = aligned * cut.copies();
    plan.buffers = {{0, aligned, cut.copies(), {{-1, op.operands[operand], false, at, at}}}};
  }
  return plan;
}

}  // namespace

std::string_view name(Space space) {
  switch (space) {
    case Space::l1:
      return "L1";
    case Space::l0a:
      return "L0A";
    case Space::l0b:
      return "L0B";
    case Space::l0c:
      return "L0C";
    case Space::vec:
      break;
  }
  return "Vec";
}

Index limit(const Chip& chip, Space space) {
  switch (space) {
    case Space::l1:
      return whole_bytes(chip.l1_bytes);
    case Space::l0a:
      return whole_bytes(chip.l0a_bytes);
    case Space::l0b:
      return whole_bytes(chip.l0b_bytes);
    case Space::l0c:
      return whole_bytes(chip.l0c_bytes);
    case Space::vec:
      break;
  }
  return whole_bytes(chip.vec_bytes);
}

const SpacePlan* KernelMemory::space(Space space) const {
  const auto found = std::find_if(spaces.begin(), spaces.end(),
                                  [&](const SpacePlan& plan) { return plan.space == space; });
  return found == spaces.end() ? nullptr : &*found;
}

KernelMemory plan_memory(const Trace& trace, TaskId id, const Chip& chip, const Rules& rules,
                         const MemoryChange& change) {
  const Task& task = trace[id];
  KernelMemory memory;
  memory.task = id;
  memory.split = effective_split(trace, task);
  if (change.split && task.kind == TaskKind::mixed) {
    memory.split = *change.split == SplitMode::none ? std::nullopt : change.split;
  }
  KernelValues values = kernel_values(trace, id, chip, memory.split);
  memory.statements = values.text.statements;
  memory.ring = values.ring;
  const bool two_way = memory.ring.to_vector && memory.ring.to_cube;
  memory.ring.slots =
      change.slots.value_or(whole_bytes(two_way ? chip.ring_slots_two_way : chip.ring_slots));
  const Index ring_bytes = memory.ring.slot_bytes * memory.ring.slots;
  for (const Space space : {Space::l1, Space::l0a, Space::l0b, Space::l0c, Space::vec}) {
    SpacePlan plan{.space = space, .limit_bytes = limit(chip, space), .buffers = {}};
    if (space == Space::l0a || space == Space::l0b) {
      plan = plan_l0(trace, memory, chip, space);
    } else {
      if (space == Space::vec && memory.ring.to_vector) plan.ring_bytes = ring_bytes;
      if (space == Space::l1 && memory.ring.to_cube) plan.ring_bytes = ring_bytes;
      Layout layout = lay_out_within(values, space, plan.ring_bytes, chip, rules.planner);
      plan.used_bytes = layout.end;
      plan.buffers = std::move(layout.buffers);
      const bool has_arms = space == Space::vec && task.kind == TaskKind::mixed && !memory.split;
      if (has_arms && rules.none_arms == 2) double_buffers(plan);
    }
    if (plan.used_bytes > 0) memory.spaces.push_back(std::move(plan));
  }
  return memory;
}

}  // namespace fulgurite::npu
