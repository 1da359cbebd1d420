#include "fulgurite/indexer.hpp"

#include <chrono>
#include <new>
#include <string>

#include "core/float_mode.hpp"
#include "cpu/isa.hpp"
#include "cpu/step.hpp"
#include "fulgurite/error.hpp"

namespace fulgurite {
namespace {

/// The recipe, once it has proved to be one that the kernels compute.
const Recipe& validated(const Recipe& recipe, const IndexerWeights& weights) {
  Recipe computed = Recipe::named(recipe.name);
  if (computed.row_format == RowFormat::int8) computed.rotate_keys = recipe.rotate_keys;
  if (recipe != computed) {
    throw Error(ErrorKind::unsupported, "recipe: expected " + std::string(recipe.name) +
                                            " as Recipe::named gives it, found one with other "
                                            "formats or roundings");
  }
  if (recipe.row_format == RowFormat::fp32 && weights.wq_b_bf16.empty()) {
    throw Error(ErrorKind::unsupported,
                "recipe " + std::string(recipe.name) + ": expected wq_b of BF16, found codes of " +
                    std::string(weights.wq_b_e4m3.empty() ? "INT8" : "E4M3") +
                    ", which it does not compute");
  }
  return recipe;
}

std::shared_ptr<Executor> validated(std::shared_ptr<Executor> executor) {
  if (executor->threads() >= 1) return executor;
  throw Error(ErrorKind::usage,
              "executor: expected at least 1 thread, found " + std::to_string(executor->threads()));
}

/// The shape and weights, once they have proved to be sound; members are built from them.
const IndexerWeights& validated(const ModelShape& shape, const IndexerWeights& weights) {
  shape.validate();
  validate(shape, weights);
  return weights;
}

}  // namespace

Indexer::Impl::Impl(const ModelShape& model_shape, const IndexerWeights& weights,
                    const IndexerOptions& options)
    : shape(model_shape),
      recipe(validated(options.recipe, weights)),
      isa(resolve_isa(name(options.isa))),
      executor(validated(options.executor ? options.executor : default_executor())),
      prune(options.prune),
      workspace_bytes(options.workspace_bytes),
      kernels(cpu::kernels_for(isa)),
      model(shape, validated(shape, weights), recipe, *executor) {}

StepReport Indexer::Impl::decode(const DecodeBatch& batch, KeyCache& keys, CompressorState& state,
                                 Selection& picks, float* key_rows, const Progress& progress) {
  const auto start = std::chrono::steady_clock::now();
  const cpu::WorkspacePool::Lease workspace(workspaces);
  cpu::Step step(*this, batch, keys, state, picks, key_rows, *workspace);
  try {
    step.plan();
  } catch (const std::bad_alloc&) {
    throw Error(ErrorKind::system,
                "decode: no memory for a step of " + std::to_string(batch.tokens()) + " tokens");
  }
  step.execute(progress);
  StepReport report = step.report();
  report.workspace_bytes = (*workspace).bytes();
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

Indexer::Indexer(const ModelShape& shape, const IndexerWeights& weights,
                 const IndexerOptions& options)
    : impl_([&] {
        const core::FloatMode mode;
        return std::make_unique<Impl>(shape, weights, options);
      }()) {}

Indexer::~Indexer() = default;
Indexer::Indexer(Indexer&&) noexcept = default;
Indexer& Indexer::operator=(Indexer&&) noexcept = default;

const ModelShape& Indexer::shape() const { return impl_->shape; }
const Recipe& Indexer::recipe() const { return impl_->recipe; }
Isa Indexer::isa() const { return impl_->isa; }
int Indexer::threads() const { return impl_->executor->threads(); }
std::int64_t Indexer::packed_bytes() const { return impl_->model.bytes(); }

StepReport Indexer::decode(const DecodeBatch& batch, KeyCache& keys, CompressorState& state,
                           Selection& picks, const Progress& progress) const {
  return impl_->decode(batch, keys, state, picks, nullptr, progress);
}

}  // namespace fulgurite
