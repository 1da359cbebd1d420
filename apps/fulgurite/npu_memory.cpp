#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "fulgurite/error.hpp"
#include "npu_memory_chart.hpp"
#include "npu_options.hpp"
#include "npu_verbs.hpp"
#include "report/table.hpp"
#include "report/text.hpp"
#include "study/fit.hpp"
#include "study/scope_memory.hpp"

namespace fulgurite::app {
namespace {

constexpr const char* kNpuMemoryFooter =
    R"(Plans the memories of every scope as the compiler of that date does: the ring first, then
buffers that values share when their lives allow it. If a scope does not fit, says which smaller
parameters would (found by trying), and exits with 5.

Examples:
  fulgurite npu memory                                  every scope of the seed's fused kernels
  fulgurite npu memory --scope qr_hadamard              who lives where, from when to when
  fulgurite npu memory --tile rope_row_chunk=256        328 KiB of 192: too much
  fulgurite npu memory --form baseline --tile group=4   the scratch of a row reduction
  fulgurite npu memory --planner 2026_08 --slots 2 --vec-budget 184 --json)";

struct MemoryOptions {
  NpuOptions npu;
  std::string scope;
};

/// "indexer/rope_slice" has the names "indexer/rope_slice" and "rope_slice".
bool has_name(const std::string& scope, const std::string& name) {
  return scope == name || scope.ends_with("/" + name);
}

std::vector<study::ScopeMemory> rows_of(const NpuRun& run, const std::string& wanted) {
  std::vector<study::ScopeMemory> rows = study::scope_memory(run.trace, run.analysis);
  if (wanted.empty()) return rows;
  std::string names;
  for (const study::ScopeMemory& row : rows) {
    if (names.ends_with(row.scope)) continue;
    names += (names.empty() ? "" : ", ") + row.scope;
  }
  std::erase_if(rows, [&](const auto& row) { return !has_name(row.scope, wanted); });
  if (rows.empty()) {
    throw Error(ErrorKind::usage, "--scope: expected one of " + names + ", found " + wanted);
  }
  return rows;
}

/// "#####....."
std::string bar(double share) {
  constexpr double kBarWidth = 10;
  const auto filled =
      static_cast<std::size_t>(std::lround(std::clamp(share, 0.0, 1.0) * kBarWidth));
  return std::string(filled, '#') + std::string(static_cast<std::size_t>(kBarWidth) - filled, '.');
}

std::string table_text(const std::vector<study::ScopeMemory>& rows) {
  report::Table table({{"scope"},
                       {"tasks", report::Align::right},
                       {"memory"},
                       {"used", report::Align::right},
                       {"of it ring", report::Align::right},
                       {"limit", report::Align::right},
                       {"", report::Align::right},
                       {""}});
  std::string last;
  for (const study::ScopeMemory& row : rows) {
    const npu::SpacePlan& plan = *row.plan;
    const double share =
        static_cast<double>(plan.used_bytes) / static_cast<double>(plan.limit_bytes);
    const bool is_new = row.scope != last;
    last = row.scope;
    table.add({is_new ? short_name(row.scope) : "", is_new ? report::thousands(row.tasks) : "",
               std::string(name(plan.space)), report::kibibytes(plan.used_bytes),
               plan.ring_bytes != 0 ? report::kibibytes(plan.ring_bytes) : "",
               report::kibibytes(plan.limit_bytes), report::percent(share),
               bar(share) + (plan.fits() ? "" : "  DOES NOT FIT")});
  }
  return table.text();
}

/// A scope that does not fit a memory.
struct Overflow {
  std::string scope;
  npu::Finding finding;
  std::vector<study::Fit> fits;
};

std::vector<Overflow> overflows(const NpuRun& run, const std::vector<study::ScopeMemory>& rows) {
  std::vector<Overflow> result;
  for (const study::ScopeMemory& row : rows) {
    if (row.plan->fits()) continue;
    // There is a finding for each space that does not fit, in their order.
    const auto found = npu::memory_findings(run.trace, *row.kernel, run.chip, run.rules);
    std::size_t at = 0;
    for (const npu::SpacePlan& plan : row.kernel->spaces) {
      if (&plan == row.plan) break;
      if (!plan.fits()) ++at;
    }
    result.push_back({row.scope, found.at(at),
                      study::find_fits(run.shape, run.variant.options, row.scope, row.plan->space,
                                       run.chip, run.rules)});
  }
  return result;
}

/// "It fits with --tile rope_row_chunk=128 (now 256), or with ..."
std::string fits_text(const std::vector<study::Fit>& fits) {
  if (fits.empty()) return "No smaller tiling parameter makes it fit.";
  std::string text = "It fits with ";
  for (const study::Fit& fit : fits) {
    if (&fit != &fits.front()) text += ", or with ";
    text += "--tile " + fit.option + " (now " + fit.before + ")";
  }
  return text + ".";
}

void print_memory_text(const NpuRun& run, const std::vector<study::ScopeMemory>& rows,
                       bool is_detailed) {
  fmt::print("{}{}, Vec budget {}\n\n{}", headline(run), name(run.rules.planner),
             report::kibibytes(npu::limit(run.chip, npu::Space::vec)), table_text(rows));
  const npu::KernelMemory* last = nullptr;
  for (const study::ScopeMemory& row : rows) {
    if (!is_detailed || row.kernel == last) continue;
    last = row.kernel;
    fmt::print("\n{}", memory_chart(run.trace, *row.kernel));
  }
  for (const Overflow& overflow : overflows(run, rows)) {
    fmt::print("\n{}: {}\n{}", name(overflow.finding.kind), short_name(overflow.scope),
               report::wrapped(overflow.finding.message + " " + fits_text(overflow.fits), 100, 2));
  }
}

void print_memory_json(const NpuRun& run, const std::vector<study::ScopeMemory>& rows,
                       bool is_detailed) {
  nlohmann::ordered_json json = header_json(run);
  json["scopes"] = nlohmann::ordered_json::array();
  for (const study::ScopeMemory& row : rows) {
    const npu::Ring& ring = row.kernel->ring;
    nlohmann::ordered_json entry{{"scope", row.scope},
                                 {"space", name(row.plan->space)},
                                 {"used_bytes", row.plan->used_bytes},
                                 {"limit_bytes", row.plan->limit_bytes},
                                 {"ring_bytes", row.plan->ring_bytes},
                                 {"slot_bytes", ring.slot_bytes},
                                 {"slots", ring.slots},
                                 {"tasks", row.tasks},
                                 {"fits", row.plan->fits()}};
    if (is_detailed) entry["buffers"] = buffers_json(run.trace, *row.plan);
    json["scopes"].push_back(entry);
  }
  json["overflows"] = nlohmann::ordered_json::array();
  for (const Overflow& overflow : overflows(run, rows)) {
    auto fits = nlohmann::ordered_json::array();
    for (const study::Fit& fit : overflow.fits) fits.push_back(fit.option);
    json["overflows"].push_back(
        {{"scope", overflow.scope}, {"message", overflow.finding.message}, {"fits_with", fits}});
  }
  print(json);
}

int run_memory(const MemoryOptions& options) {
  const NpuRun run = run_npu(options.npu);
  const auto rows = rows_of(run, options.scope);
  (options.npu.json ? print_memory_json : print_memory_text)(run, rows, !options.scope.empty());
  return exit_code(run.analysis);
}

}  // namespace

Verb add_npu_memory(Command npu) {
  Command command =
      npu.add_verb("memory", "What each scope needs of L1, L0C and Vec, and who lives where");
  const auto options = std::make_shared<MemoryOptions>();
  command.option("--scope", options->scope, "NAME", "show the buffers and lives of this scope");
  add_program_options(command, options->npu);
  add_step_options(command, options->npu);
  add_chip_options(command, options->npu);
  add_json_option(command, options->npu);
  command.footer(kNpuMemoryFooter);
  return {command, [options] { return run_memory(*options); }};
}

}  // namespace fulgurite::app
