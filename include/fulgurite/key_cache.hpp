#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "fulgurite/dtype.hpp"
#include "fulgurite/export.hpp"
#include "fulgurite/model.hpp"
#include "fulgurite/tensor.hpp"

namespace fulgurite {

/// How rows are stored.
enum class RowStorage {
  quantized,  ///< in the recipe's format, quantised once
  /// As they are before that: 128 bf16 values, 256 bytes, and no scale. They are quantised each
  /// time they are scored, which takes time but gives the same bits. For recipes whose rows are
  /// bf16 before they are quantised: all but `exact`, of which there is `exact-bf16`.
  bf16,
};

struct KeyCacheOptions {
  std::int64_t sequences = 1;   ///< sequences are numbered 0 .. sequences - 1
  std::int64_t pages = 0;       ///< pages in all, shared by the sequences
  std::int64_t page_rows = 64;  ///< rows of a page, 1 .. 65,536
  RowStorage storage = RowStorage::quantized;
};

/// Pages in an engine's own memory. Page p holds the codes of its rows at codes + p * code_stride
/// and their scales at scales + p * scale_stride. By the recipe's format a row is
///   int8: 128 codes, and an fp32 scale
///   e2m1: 64 bytes, feature 2i in the low nibble, and four bytes: each block's exponent + 127
///   e4m3: 128 bytes, and an fp32 scale
///   fp32: 512 bytes, and no scale (scales may be null)
/// So a page of n e4m3 rows "values, then scales" has scales = codes + 128 n, and strides of 132 n
/// bytes.
struct KeyPages {
  std::int8_t* codes = nullptr;
  float* scales = nullptr;
  std::int64_t pages = 0;
  std::int64_t page_rows = 64;
  std::int64_t code_stride = 0;                ///< bytes from page to page; 0: page_rows rows
  std::int64_t scale_stride = 0;               ///< floats from page to page; 0: page_rows
  RowStorage storage = RowStorage::quantized;  ///< of bf16 rows scales may be null
};

/// The key rows of many sequences, quantised once when they are appended. Row j of a sequence
/// stands for its tokens 4j .. 4j+3. Rows lie in pages; a sequence has a list of pages, its block
/// table. One cache serves one step at a time.
class FULGURITE_API KeyCache {
 public:
  /// Own memory: pages are handed to sequences as their rows come, and back by `clear`.
  /// Throws Error(input) for sizes below 1 or beyond memory, Error(system) if memory is refused,
  /// Error(unsupported) for bf16 rows of a recipe whose rows are not bf16.
  explicit KeyCache(const KeyCacheOptions& options, const Recipe& recipe = Recipe::seed_int8());

  /// The engine's memory and block tables, both of which it keeps alive and may change between
  /// steps. block_table: [sequences, blocks] page numbers; entries that no step needs may hold
  /// anything.
  KeyCache(const KeyPages& pages, TensorView<const std::int32_t, 2> block_table,
           const Recipe& recipe = Recipe::seed_int8());

  ~KeyCache();
  KeyCache(KeyCache&&) noexcept;
  KeyCache& operator=(KeyCache&&) noexcept;

  [[nodiscard]] std::int64_t sequences() const;
  [[nodiscard]] std::int64_t page_rows() const;
  [[nodiscard]] std::int64_t free_pages() const;  ///< of own memory; 0 for an engine's
  [[nodiscard]] const Recipe& recipe() const;
  [[nodiscard]] RowStorage storage() const;

  /// Gives the sequence's pages back (own memory only; an engine changes its block table instead).
  void clear(std::int64_t sequence);

  /// Quantises bf16 rows and stores them as rows first_row .. of the sequence: how a cache that was
  /// made elsewhere is taken over. rows: [count, 128]. Throws Error(input) if they do not fit.
  void store(std::int64_t sequence, std::int64_t first_row, TensorView<const Bf16, 2> rows);
  void store(std::int64_t sequence, std::int64_t first_row, TensorView<const float, 2> rows);

  /// The same with `count` rows of another cache whose rows are made and stored alike: its rows 0
  /// .. count - 1 of sequence `from_sequence`.
  void store(std::int64_t sequence, std::int64_t first_row, const KeyCache& from,
             std::int64_t from_sequence, std::int64_t count);

  /// The values of one row: code * scale, or as it is stored. Throws Error(input) if the sequence
  /// has no page for it.
  void read(std::int64_t sequence, std::int64_t row, std::span<float, kHeadDim> values) const;

  /// Codes [128] and scale of one row that is stored as int8; others are Error(usage). Throws
  /// Error(input) if the sequence has no page for it.
  [[nodiscard]] std::span<const std::int8_t, kHeadDim> codes(std::int64_t sequence,
                                                             std::int64_t row) const;
  [[nodiscard]] float scale(std::int64_t sequence, std::int64_t row) const;

  struct FULGURITE_LOCAL Impl;

 private:
  friend struct StepAccess;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fulgurite
