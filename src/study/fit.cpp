#include "study/fit.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "fulgurite/error.hpp"
#include "npu/hazards.hpp"
#include "npu/kernels.hpp"
#include "programs/seed_program.hpp"

namespace fulgurite::study {
namespace {

using programs::ProgramOptions;
using programs::TilingParameter;
using tile::Index;

/// Which parameters cut the work of the scopes whose full names start so.
struct Cuts {
  std::string_view prefix;
  std::array<std::string_view, 4> parameters;
};
/// The most specific first.
constexpr std::array kCuts{
    Cuts{"indexer/qr_proj", {"query_row_chunk", "query_columns", "query_k_step", "stage"}},
    Cuts{"indexer/rope_", {"rope_row_chunk", "rope_group", "rope_k_step", "stage"}},
    Cuts{"indexer/qr_hadamard_quant", {"group", "feature_chunk"}},
    Cuts{"indexer/qr_hadamard", {"hadamard_row_chunk", "feature_chunk", "rope_group"}},
    Cuts{"indexer/weights_", {"weights_k_step", "stage"}},
    Cuts{"indexer/compressor/kv_score_proj", {"compressor_k_step", "compressor_columns", "stage"}},
    Cuts{"indexer/compressor/softmax_pool", {"pool_chunk"}},
    Cuts{"indexer/compressor/rope_", {"compressor_rope_k_step", "stage"}},
    Cuts{"indexer/compressor/", {"compressor_columns", "pool_chunk"}},
    Cuts{"indexer/score_", {"cache_tile", "feature_chunk", "batch_group"}},
};

const TilingParameter* parameter_of(std::string_view name) {
  for (const TilingParameter& parameter : programs::kTilingParameters) {
    if (parameter.name == name) return &parameter;
  }
  return nullptr;
}

bool is_valid(const ProgramOptions& options, const programs::ProgramShape& shape) {
  try {
    options.validate(shape);
    return true;
  } catch (const Error&) {
    return false;
  }
}

/// What fits may still be wrong: rows that are too short, for one.
bool has_error(const tile::Trace& trace, const std::string& scope, const npu::Chip& chip,
               const npu::Rules& rules) {
  const std::vector<npu::Edge> edges = npu::dependences(trace, rules.windows);
  const std::vector<npu::Finding> findings = npu::hazards(trace, chip, rules, edges);
  return std::ranges::any_of(findings, [&](const npu::Finding& finding) {
    return severity(finding.kind) == npu::Severity::error &&
           std::ranges::find(finding.scopes, scope) != finding.scopes.end();
  });
}

bool fits(const programs::ProgramShape& shape, const ProgramOptions& options,
          const std::string& scope, npu::Space space, const npu::Chip& chip,
          const npu::Rules& rules) {
  const tile::Trace trace = programs::trace(shape, options);
  for (const npu::Kernel& kernel : npu::distinct_kernels(trace).kernels) {
    if (full_name(trace, trace[kernel.task].scope) != scope) continue;
    const npu::KernelMemory memory = npu::plan_memory(trace, kernel.task, chip, rules);
    const npu::SpacePlan* const plan = memory.space(space);
    if (plan != nullptr && !plan->fits()) return false;
  }
  return !has_error(trace, scope, chip, rules);
}

}  // namespace

std::vector<Fit> find_fits(const programs::ProgramShape& shape, const ProgramOptions& options,
                           const std::string& scope, npu::Space space, const npu::Chip& chip,
                           const npu::Rules& rules) {
  const auto is_of_scope = [&](const Cuts& cuts) { return scope.starts_with(cuts.prefix); };
  const auto* const cuts = std::ranges::find_if(kCuts, is_of_scope);
  std::vector<Fit> found;
  if (cuts == kCuts.end()) return found;
  for (const std::string_view name : cuts->parameters) {
    const TilingParameter* const parameter = parameter_of(name);
    if (parameter == nullptr) continue;
    const Index before = options.tiling.*parameter->field;
    ProgramOptions changed = options;
    Index& value = changed.tiling.*parameter->field;
    for (value = before - 1; value > 0; --value) {
      if (!is_valid(changed, shape) || !fits(shape, changed, scope, space, chip, rules)) continue;
      found.push_back({std::string(name) + "=" + std::to_string(value), std::to_string(before)});
      break;
    }
  }
  return found;
}

}  // namespace fulgurite::study
