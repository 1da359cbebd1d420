#include "npu_memory_chart.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "report/table.hpp"
#include "report/text.hpp"

namespace fulgurite::app {
namespace {

using namespace npu;

/// "even_acc FP32 [64, 32]", "mul FP32 [64, 32]", "scratch of row_max"
std::string value_text(const tile::Trace& trace, const Tenant& tenant) {
  const tile::TileRecord& tile = trace[tenant.tile];
  const std::string op = tile.producer.valid() ? std::string(name(trace[tile.producer].code)) : "";
  if (tenant.is_scratch) return fmt::format("scratch of {}", op);
  std::string value = tile.name.empty() ? op : tile.name;
  if (value == "load") {
    value = trace[trace[trace[trace[tile.producer].access].view].buffer].name;
  }
  return fmt::format("{} {} {}", value, name(tile.dtype), to_string(tile.shape));
}

/// "load qr_proj BF16 [64, 16]", "store", "pop even_acc FP32 [64, 32]"
std::string statement_text(const tile::Trace& trace, const Statement& statement) {
  const tile::Op& op = trace[statement.op];
  std::string text = statement.is_pop ? "pop" : std::string(name(op.code));
  if (op.access.valid()) {
    text += fmt::format(" {}", trace[trace[trace[op.access].view].buffer].name);
  }
  if (!op.result.valid()) return text;
  const tile::TileRecord& result = trace[op.result];
  if (!result.name.empty()) text += fmt::format(" {}", result.name);
  return text + fmt::format(" {} {}", name(result.dtype), to_string(result.shape));
}

std::string statements_text(const tile::Trace& trace, const KernelMemory& memory) {
  report::Table table({{"", report::Align::right}, {"statement"}, {"side"}, {"line"}});
  for (std::size_t i = 0; i < memory.statements.size(); ++i) {
    const Statement& statement = memory.statements[i];
    const tile::Op& op = trace[statement.op];
    const std::string indent(2 * static_cast<std::size_t>(statement.depth), ' ');
    table.add({std::to_string(i), indent + statement_text(trace, statement),
               std::string(statement.is_pop ? "vector" : name(op.side)),
               to_string(trace[op.location])});
  }
  return table.text();
}

/// "...####..": a character for each statement, or for a few if there are many.
std::string life_text(const Tenant& tenant, std::size_t statements) {
  constexpr std::size_t kMost = 48;
  const std::size_t step = (statements + kMost - 1) / kMost;
  std::string text;
  for (std::size_t at = 0; at < statements; at += step) {
    const bool is_alive = static_cast<std::size_t>(tenant.first) < at + step &&
                          static_cast<std::size_t>(tenant.last) >= at;
    text += is_alive ? '#' : '.';
  }
  return text;
}

std::string space_text(const tile::Trace& trace, const KernelMemory& memory,
                       const SpacePlan& plan) {
  report::Table table({{"offset", report::Align::right},
                       {"size", report::Align::right},
                       {""},
                       {"lives", report::Align::right},
                       {""},
                       {"value"}});
  if (plan.ring_bytes != 0) {
    table.add({"0", report::kibibytes(plan.ring_bytes), "", "", "",
               fmt::format("ring: {} slots of {}", plan.ring_bytes / memory.ring.slot_bytes,
                           report::kibibytes(memory.ring.slot_bytes))});
  }
  for (const BufferPlan& buffer : plan.buffers) {
    for (const Tenant& tenant : buffer.tenants) {
      const bool is_first = &tenant == &buffer.tenants.front();
      table.add({is_first ? report::thousands(buffer.offset) : "",
                 is_first ? report::kibibytes(buffer.bytes) : "",
                 is_first && buffer.copies > 1 ? fmt::format("x {}", buffer.copies) : "",
                 fmt::format("{}-{}", tenant.first, tenant.last),
                 life_text(tenant, memory.statements.size()), value_text(trace, tenant)});
    }
  }
  return fmt::format("{}: {} of {}{}\n{}", name(plan.space), report::kibibytes(plan.used_bytes),
                     report::kibibytes(plan.limit_bytes), plan.fits() ? "" : ", DOES NOT FIT",
                     table.text());
}

}  // namespace

std::string memory_chart(const tile::Trace& trace, const KernelMemory& memory) {
  std::string text =
      fmt::format("{}, task {}\n\n", full_name(trace, trace[memory.task].scope), memory.task.value);
  text += statements_text(trace, memory);
  for (const SpacePlan& plan : memory.spaces) {
    text += "\n";
    text += space_text(trace, memory, plan);
  }
  return text;
}

nlohmann::ordered_json buffers_json(const tile::Trace& trace, const SpacePlan& plan) {
  auto buffers = nlohmann::ordered_json::array();
  for (const BufferPlan& buffer : plan.buffers) {
    auto tenants = nlohmann::ordered_json::array();
    for (const Tenant& tenant : buffer.tenants) {
      tenants.push_back(
          {{"value", value_text(trace, tenant)}, {"first", tenant.first}, {"last", tenant.last}});
    }
    buffers.push_back({{"offset", buffer.offset},
                       {"bytes", buffer.bytes},
                       {"copies", buffer.copies},
                       {"tenants", tenants}});
  }
  return buffers;
}

}  // namespace fulgurite::app
