#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "core/aligned_buffer.hpp"
#include "core/checked.hpp"
#include "cpu/kernels.hpp"
#include "cpu/portions.hpp"
#include "cpu/prune.hpp"
#include "cpu/split.hpp"
#include "fulgurite/model.hpp"
#include "indexer/plan.hpp"

namespace fulgurite::cpu {

/// What is scored as one task: rows first_row .. last_row - 1 for one token.
struct ScoreUnit {
  std::int64_t place;  ///< of the token among those of its portion that select
  std::int64_t first_row;
  std::int64_t last_row;
  std::int64_t sums;  ///< where its partial sums begin, if the token has several units
};

/// The rows that a mask lets a token have, as a table without the others.
struct MaskedRows {
  std::int64_t rows;
  std::int64_t pages;
  std::int64_t blocks;       ///< entries of the mask
  std::int64_t first_page;   ///< in Workspace::masked_pages
  std::int64_t first_block;  ///< in Workspace::masked_blocks
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

/// An array in a workspace's memory.
template <class T>
class Piece {
 public:
  Piece() = default;
  explicit Piece(T* data) : data_(data) {}
  [[nodiscard]] T* data() const { return data_; }
  T& operator[](std::int64_t index) const { return data_[index]; }

 private:
  T* data_ = nullptr;
};

/// Cuts memory into pieces, each on a cache line of its own. Without memory it counts.
class Carver {
 public:
  explicit Carver(std::byte* memory = nullptr) : memory_(memory) {}

  /// Throws Error(input) that names the piece if its size overflows.
  template <class T>
  void take(const char* what, Piece<T>& piece, std::int64_t count) {
    piece = Piece<T>(memory_ == nullptr ? nullptr : reinterpret_cast<T*>(memory_ + bytes_));
    const std::int64_t bytes = core::checked_multiply(what, count, sizeof(T));
    bytes_ = core::checked_add(what, bytes_, core::round_up(bytes, core::kLineBytes));
  }
  [[nodiscard]] std::int64_t bytes() const { return bytes_; }

 private:
  std::byte* memory_;
  std::int64_t bytes_ = 0;
};

/// The memory of one step in flight, cut anew for each. It grows to the largest step it has seen
/// and is then reused: decoding allocates nothing in its steady state. P: tokens of a portion that
/// select.
struct Workspace {
  Plan plan;        ///< of all sequences, then of the portion
  Portion portion;  ///< the tokens that are on their way
  core::AlignedBuffer<std::byte> memory;

  Piece<float> projected;  ///< [tokens, hidden columns]: kv, gate, head weights
  /// x as packed; when that is done [P, Step::head_bytes]: q, then each token's packed heads.
  Piece<std::byte> activations;
  Piece<std::byte> packed_qr;          ///< qr as packed
  Piece<std::byte> gathered_qr;        ///< [P, Q]: qr, if its rows do not follow one another
  Piece<float> gathered_scale;         ///< [P]
  Piece<std::int32_t> qr_correction;   ///< [P]
  Piece<float> wide_qr;                ///< [P, Q]: qr in fp32, recipe `exact`
  Piece<std::uint16_t> latents;        ///< [Q/128][P, 128]: qr quantised, as bf16
  Piece<float> latent_scale;           ///< [P, Q/128]
  Piece<float> products;               ///< [lanes, P, kQueryColumns], of weights that are not int8
  Piece<float> sums;                   ///< the same, of weights with a scale for each block
  Piece<float> head_rows;              ///< [lanes, H*128], of rows that are no codes
  Piece<std::int8_t> codes;            ///< [lanes, H*128]; of other rows their bf16
  Piece<float> scales;                 ///< [lanes, H]
  Piece<std::int32_t> correction;      ///< [P, H]
  Piece<float> folded;                 ///< [P, H] in the order of the sum
  Piece<std::int8_t> staged_codes;     ///< [lanes]: rows that a lane has just quantised
  Piece<float> staged_scales;          ///< [lanes]
  Piece<KeyPage> staged_pages;         ///< [lanes, Step::staged_pages_]
  Piece<KeyPage> masked_pages;         ///< of all tokens that are scored at a time
  Piece<std::uint32_t> masked_blocks;  ///< which entries of the mask they are
  Piece<KeyPage> pages;                ///< of all sequences, one after the other
  Piece<float> list_scores;            ///< [lanes, kMostTogether, places]: candidates
  Piece<std::uint32_t> list_rows;      ///< [lanes, kMostTogether, places]
  Piece<std::byte> list_scratch;       ///< [lanes, kMostTogether, bytes]
  Piece<float> part_scores;            ///< [units, part places], if a token has several units
  Piece<std::uint32_t> part_rows;      ///< the same
  Piece<float> bounds;                 ///< [lanes or wave, H/4, kMostSampled]
  Piece<float> partial_sums;           ///< [lanes or units, rows of a unit]
  std::vector<std::int64_t> first_page;  ///< [sequences]
  std::vector<VisibleRows> order;        ///< tokens of the portion, most rows first
  std::vector<ScoreUnit> units;
  std::vector<TokenGroup> groups;
  std::vector<MaskedRows> masked;             ///< [P], with a mask
  std::vector<ScoredUnit> scored;             ///< [units]
  std::vector<PruneGuess> guesses;            ///< [P]
  std::vector<unsigned char> failed_guesses;  ///< [P]: too few rows were above it

  /// Memory that it holds, but for the small arrays of the plan and of units.
  [[nodiscard]] std::int64_t bytes() const { return memory.size(); }
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
