#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "core/aligned_buffer.hpp"
#include "cpu/kernels.hpp"
#include "cpu/prune.hpp"
#include "cpu/split.hpp"
#include "fulgurite/model.hpp"
#include "indexer/plan.hpp"

namespace fulgurite::cpu {

/// Tokens whose queries are prepared and scored together: what bounds the memory of a long prompt.
inline constexpr std::int64_t kTokenBlock = 128;

/// What is scored as one task: rows first_row .. last_row - 1 for one token.
struct ScoreUnit {
  std::int64_t token;
  std::int64_t first_row;
  std::int64_t last_row;
  std::int64_t sums;  ///< where its partial sums begin, if the token has several units
};

/// Units of tokens of one sequence that are scored as one task.
struct TokenGroup {
  std::int64_t first_unit;
  std::int64_t units;
  std::int64_t rows;  ///< of all of them
};

/// What came of a unit.
struct ScoredUnit {
  std::int64_t count;     ///< rows of its partial selection
  std::int64_t finished;  ///< rows that met all heads
  bool met_nan;
};

/// A candidate list's memory.
struct ListMemory {
  core::AlignedBuffer<float> scores;
  core::AlignedBuffer<std::uint32_t> rows;
  core::AlignedBuffer<std::byte> scratch;

  void ensure(std::int64_t capacity);
  [[nodiscard]] std::int64_t bytes() const;
  TopList list(std::int64_t k, std::int64_t capacity);
};

/// The memory of one step in flight. It grows to the largest step it has seen and is then reused:
/// decoding allocates nothing in its steady state.
struct Workspace {
  Plan plan;
  core::AlignedBuffer<std::byte> packed_rows;       ///< qr, then x, of a block
  core::AlignedBuffer<std::int32_t> qr_correction;  ///< [block]
  core::AlignedBuffer<float> projected;             ///< [T, hidden columns]: kv, gate, head weights
  core::AlignedBuffer<std::uint16_t> q;             ///< [block, H*128] bf16
  core::AlignedBuffer<float> wide_rows;             ///< [block, Q]: qr in fp32, recipe `exact`
  core::AlignedBuffer<float> wide_q;                ///< [block, H*128]: of BF16 weights, in fp32
  core::AlignedBuffer<std::uint16_t> latents;       ///< [Q/128][block, 128]: qr quantised, as bf16
  core::AlignedBuffer<float> latent_scale;          ///< [block, Q/128]
  core::AlignedBuffer<float> block_products;        ///< [lanes, block, kQueryColumns]
  core::AlignedBuffer<float> head_rows;             ///< [lanes, H*128], of rows that are no codes
  core::AlignedBuffer<std::int8_t> codes;           ///< [lanes, H*128]; of other rows their bf16
  core::AlignedBuffer<float> scales;                ///< [lanes, H]
  core::AlignedBuffer<std::byte> words;             ///< [block, Step::word_bytes]
  core::AlignedBuffer<std::int32_t> correction;     ///< [block, H]
  core::AlignedBuffer<float> folded;                ///< [block, H] in the order of the sum
  std::vector<KeyPage> pages;                       ///< of all sequences, one after the other
  std::vector<std::int64_t> first_page;             ///< [sequences]
  std::vector<VisibleRows> order;                   ///< tokens of a block, most rows first
  std::vector<ScoreUnit> units;
  std::vector<TokenGroup> groups;
  std::vector<ListMemory> lists;           ///< [lanes, kMostTogether]
  std::vector<ScoredUnit> scored;          ///< [units]
  core::AlignedBuffer<float> part_scores;  ///< [units, part places], if a token has several units
  core::AlignedBuffer<std::uint32_t> part_rows;
  std::vector<PruneGuess> guesses;            ///< [block]
  std::vector<unsigned char> failed_guesses;  ///< [block]: too few rows were above it
  core::AlignedBuffer<float> bounds;          ///< [lanes or wave, H/4, kMostSampled]
  core::AlignedBuffer<float> partial_sums;    ///< [lanes or units, rows of a unit]

  /// Memory that it holds, but for the small arrays of the plan and of units.
  [[nodiscard]] std::int64_t bytes() const;
};

/// Workspaces for as many steps as run at once.
class WorkspacePool {
 public:
  /// Borrows a workspace for as long as it lives.
  class Lease {
   public:
    explicit Lease(WorkspacePool& pool);
    ~Lease();
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    Workspace& operator*() const { return *workspace_; }

   private:
    WorkspacePool& pool_;
    std::unique_ptr<Workspace> workspace_;
  };

 private:
  std::mutex mutex_;
  std::size_t made_ = 0;
  std::vector<std::unique_ptr<Workspace>> idle_;  ///< with room for all that were made
};

}  // namespace fulgurite::cpu
