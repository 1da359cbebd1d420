#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "fulgurite/compressor_state.hpp"
#include "fulgurite/decode_batch.hpp"
#include "fulgurite/executor.hpp"
#include "fulgurite/export.hpp"
#include "fulgurite/key_cache.hpp"
#include "fulgurite/model.hpp"
#include "fulgurite/platform.hpp"
#include "fulgurite/selection.hpp"
#include "fulgurite/weights.hpp"

namespace fulgurite {

/// The parts of a step that are timed on their own.
enum class Stage {
  query,     ///< packing qr, and its projection
  project,   ///< packing x, and the projections of `weights` and `compress`
  quantize,  ///< rope, hadamard and quantize of the query, and packing it
  compress,  ///< pooling, norm, rope, hadamard and quantize of new key rows
  select,    ///< score and select
};
inline constexpr int kStages = 5;

/// What a stage did and how long it took.
struct StageReport {
  double seconds = 0;
  std::int64_t int8_macs = 0;  ///< multiply-adds of int8 codes
  std::int64_t bf16_macs = 0;  ///< multiply-adds of bf16 values
  std::int64_t fp32_adds = 0;  ///< additions of the Hadamard product by butterflies
  std::int64_t bytes = 0;      ///< weights, rows and results that must move
  /// Of int8_macs, how many pruned selection left out; its own sample counts against it, so where a
  /// guess failed it can be negative.
  std::int64_t skipped_macs = 0;
};

/// What a step did.
struct StepReport {
  std::array<StageReport, kStages> stages{};
  double seconds = 0;                ///< the whole step, planning and validation included
  std::int64_t tokens_with_nan = 0;  ///< tokens that met at least one NaN score
  /// Memory beyond weights, caches and results. It stays with the indexer for the next step.
  std::int64_t workspace_bytes = 0;
  [[nodiscard]] const StageReport& operator[](Stage stage) const {
    return stages[static_cast<std::size_t>(stage)];
  }
};

struct IndexerOptions {
  Recipe recipe = Recipe::seed_int8();
  Isa isa = resolve_isa();                  ///< the best of this machine, or FULGURITE_ISA
  std::shared_ptr<Executor> executor = {};  ///< null: default_executor()
  /// Leaves out multiply-adds that cannot change a selection, where no logits are asked for. The
  /// result is the same, to the bit.
  bool prune = true;
  /// Memory that a step may take beyond weights, caches and results, for each thread. The more, the
  /// more tokens go through the stages together, up to 128; there are always at least 8 together,
  /// whatever that takes.
  std::int64_t workspace_bytes = 2'000'000;
};

/// The lightning indexer of one layer: packed weights, immutable, and safe to use from many threads
/// at once as long as each brings its own cache, state and selection.
class FULGURITE_API Indexer {
 public:
  /// Validates and packs; the weights are copied. Throws Error(unsupported) for a shape or recipe
  /// that is not computed, Error(input) for weights that do not fit, Error(usage) for an ISA this
  /// machine lacks.
  Indexer(const ModelShape& shape, const IndexerWeights& weights,
          const IndexerOptions& options = {});
  ~Indexer();
  Indexer(Indexer&&) noexcept;
  Indexer& operator=(Indexer&&) noexcept;

  [[nodiscard]] const ModelShape& shape() const;
  [[nodiscard]] const Recipe& recipe() const;
  [[nodiscard]] Isa isa() const;
  [[nodiscard]] int threads() const;
  [[nodiscard]] std::int64_t packed_bytes() const;  ///< memory of the packed weights

  /// One decode step: appends the key rows of the windows that close, moves the compressor state
  /// on, and selects each token's best rows into `picks`. Under policy `causal` a sequence's
  /// position must be its length in `state`. Throws Error(input) if anything does not fit, and then
  /// cache, state and picks are as they were. No result depends on the ISA, the executor, the page
  /// size or on what else is in the batch. `progress` is called each time that some tokens, 128 at
  /// most, are done.
  StepReport decode(const DecodeBatch& batch, KeyCache& keys, CompressorState& state,
                    Selection& picks, const Progress& progress = {}) const;

  struct FULGURITE_LOCAL Impl;

 private:
  friend struct StepAccess;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fulgurite
