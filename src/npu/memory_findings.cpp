#include <algorithm>

#include "npu/grouped.hpp"
#include "npu/memory.hpp"

// What does not fit, and what would.

namespace fulgurite::npu {

using namespace tile;

namespace {

constexpr std::size_t kBiggest = 3;  ///< tenants that a message names

std::string kib(Index bytes) {
  const Index quarters = (bytes * 100 + 512) / 1024;
  std::string text = std::to_string(quarters / 100);
  if (const Index rest = quarters % 100; rest != 0) {
    text += rest < 10 ? ".0" : ".";
    text += std::to_string(rest % 10 == 0 ? rest / 10 : rest);
  }
  return text + " KiB";
}

std::string describe_tenant(const Trace& trace, const Tenant& tenant) {
  const TileRecord& tile = trace[tenant.tile];
  std::string text = tenant.is_scratch ? "scratch of " : "";
  text += tile.name.empty() ? std::string(name(trace[tile.producer].code)) : tile.name;
  return text + " " + to_string(tile.shape) + " " + std::string(name(tile.dtype)) + " (" +
         to_string(trace[trace[tile.producer].location]) + ")";
}

/// "; the biggest: 128 KiB for ..., ..."
std::string biggest(const Trace& trace, const SpacePlan& plan) {
  std::vector<const BufferPlan*> buffers;
  for (const BufferPlan& buffer : plan.buffers) buffers.push_back(&buffer);
  std::sort(buffers.begin(), buffers.end(), [](const BufferPlan* a, const BufferPlan* b) {
    return std::pair(-a->size(), a->offset) < std::pair(-b->size(), b->offset);
  });
  std::string text;
  for (std::size_t at = 0; at < std::min(kBiggest, buffers.size()); ++at) {
    text += at == 0 ? ". The biggest tenants: " : ", ";
    text += kib(buffers[at]->size()) + " for " + describe_tenant(trace, buffers[at]->tenants[0]);
    if (buffers[at]->copies > 1) text += ", " + std::to_string(buffers[at]->copies) + " copies";
  }
  return text + ".";
}

bool fits(const KernelMemory& memory) {
  return std::all_of(memory.spaces.begin(), memory.spaces.end(),
                     [](const SpacePlan& plan) { return plan.fits(); });
}

/// Other slots and split modes, tried one by one.
std::string advice(const Trace& trace, const KernelMemory& memory, const Chip& chip,
                   const Rules& rules) {
  if (memory.ring.slot_bytes == 0) return "";
  std::string text;
  for (Index slots = memory.ring.slots - 1; slots >= 1; --slots) {
    if (!fits(plan_memory(trace, memory.task, chip, rules, {.slots = slots, .split = {}}))) {
      continue;
    }
    text += " It fits with " + std::to_string(slots) + (slots == 1 ? " slot" : " slots") +
            " in place of " + std::to_string(memory.ring.slots) + ".";
    break;
  }
  for (const SplitMode mode : {SplitMode::up_down, SplitMode::left_right, SplitMode::none}) {
    if (mode == memory.split.value_or(SplitMode::none)) continue;
    if (!fits(plan_memory(trace, memory.task, chip, rules, {.slots = {}, .split = mode}))) {
      continue;
    }
    text += " It fits when split by " + std::string(name(mode)) + ".";
    break;
  }
  return text.empty() ? " Neither fewer slots nor another split make it fit." : text;
}

Index largest_tile(const SpacePlan& plan) {
  Index largest = 0;
  for (const BufferPlan& buffer : plan.buffers) largest = std::max(largest, buffer.bytes);
  return largest;
}

}  // namespace

std::vector<Finding> memory_findings(const Trace& trace, const KernelMemory& memory,
                                     const Chip& chip, const Rules& rules) {
  std::vector<Finding> findings;
  const Scope& scope = trace[trace[memory.task].scope];
  const std::string scope_name = full_name(trace, trace[memory.task].scope);
  for (const SpacePlan& plan : memory.spaces) {
    if (plan.fits()) continue;
    // An accumulator alone may be too large; that is still the sum over the space.
    const bool is_one_tile = plan.space != Space::l0c && largest_tile(plan) > plan.limit_bytes;
    Finding finding{.kind = is_one_tile ? FindingKind::tile_too_large : FindingKind::overflow,
                    .tensor = "",
                    .scopes = {scope_name},
                    .location = scope.location,
                    .message = scope_name + " at " + to_string(trace[scope.location]) + " needs " +
                               kib(plan.used_bytes) + " of " + std::string(name(plan.space)) +
                               ", there are " + kib(plan.limit_bytes)};
    if (plan.ring_bytes > 0) {
      finding.message += "; the ring takes " + kib(plan.ring_bytes) + " (" +
                         std::to_string(memory.ring.slots) + " slots of " +
                         kib(memory.ring.slot_bytes) + ")";
    }
    finding.message += biggest(trace, plan) + advice(trace, memory, chip, rules);
    findings.push_back(std::move(finding));
  }
  return findings;
}

}  // namespace fulgurite::npu
