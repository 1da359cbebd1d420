#include "cpu/seed_step.hpp"

#include <algorithm>
#include <vector>

#include "core/checked.hpp"
#include "cpu/step.hpp"
#include "cpu/step_access.hpp"

namespace fulgurite::cpu {
namespace {

/// The input, once it has proved to be sound.
const SeedInput& validated(const SeedInput& input) {
  input.validate();
  return input;
}

/// The dense form holds the scores of all rows anyway.
constexpr std::int64_t kWorkspaceBytes = 16'000'000;

std::int64_t new_rows(const SeedInput& input) {
  const bool closes = input.start_pos % kRatio + input.tokens_each() >= kRatio;
  return closes ? input.batch() : 0;
}

KeyCacheOptions cache_options(const SeedInput& input) {
  constexpr std::int64_t kMostPageRows = 4096;
  const std::int64_t page_rows = std::min(input.cache_rows(), kMostPageRows);
  const std::int64_t pages = input.batch() * core::divide_up(input.cache_rows(), page_rows);
  return {.sequences = input.batch(), .pages = pages, .page_rows = page_rows};
}

}  // namespace

struct SeedStep::Impl {
  Impl(const SeedInput& seed, Isa isa, std::shared_ptr<Executor> executor)
      : input(validated(seed)),
        indexer(input.shape(), input.weights(),
                {.recipe = input.recipe(),
                 .isa = isa,
                 .executor = std::move(executor),
                 .workspace_bytes = kWorkspaceBytes}),
        keys(cache_options(input), input.recipe()),
        state({.sequences = input.batch(), .slots = kWindowSlots}),
        picks(
            input.shape(), input.tokens(),
            {.width = std::min(input.topk, input.cache_rows()), .logit_rows = input.cache_rows()}),
        batch(input.decode_batch()),
        key_rows(static_cast<std::size_t>(new_rows(input) * kHeadDim)) {
    for (std::int64_t b = 0; b < input.batch(); ++b) keys.store(b, 0, input.idx_kv_cache[b]);
  }

  void restore_state() {
    std::ranges::copy(input.inner_kv_state.flat(), StepAccess::kv(state).flat().begin());
    std::ranges::copy(input.inner_score_state.flat(), StepAccess::gate(state).flat().begin());
  }

  SeedInput input;
  Indexer indexer;
  KeyCache keys;
  CompressorState state;
  Selection picks;
  DecodeBatch batch;
  std::vector<float> key_rows;  ///< [windows, 128], as the last run made them
};

SeedStep::SeedStep(const SeedInput& input, Isa isa, std::shared_ptr<Executor> executor)
    : impl_(std::make_unique<Impl>(input, isa, std::move(executor))) {}

SeedStep::~SeedStep() = default;

StepReport SeedStep::run(const Progress& progress) {
  impl_->restore_state();
  return StepAccess::impl(impl_->indexer)
      .decode(impl_->batch, impl_->keys, impl_->state, impl_->picks,
              impl_->key_rows.empty() ? nullptr : impl_->key_rows.data(), progress);
}

SeedOutput SeedStep::output() const {
  const SeedInput& input = impl_->input;
  SeedOutput output(input);
  for (std::int64_t window = 0; window < new_rows(input); ++window) {
    const std::span<const float> row(impl_->key_rows.data() + window * kHeadDim, kHeadDim);
    output.store_key_row(input, window, input.start_pos / kRatio, row);
  }
  std::ranges::copy(impl_->state.kv().flat(), output.inner_kv_state.begin());
  std::ranges::copy(impl_->state.gate().flat(), output.inner_score_state.begin());
  for (std::int64_t t = 0; t < input.tokens(); ++t) {
    std::ranges::copy(impl_->picks.logits(t), output.score.begin() + t * input.cache_rows());
    std::ranges::copy(impl_->picks.rows(t), output.topk_idxs.begin() + t * input.cache_rows());
  }
  return output;
}

const Indexer& SeedStep::indexer() const { return impl_->indexer; }

}  // namespace fulgurite::cpu
