#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/aligned_buffer.hpp"
#include "cpu/kernels.hpp"
#include "fulgurite/key_cache.hpp"
#include "indexer/plan.hpp"
#include "indexer/stages.hpp"

namespace fulgurite {

struct KeyCache::Impl {
  Recipe recipe;
  std::int64_t row_bytes = kHeadDim;  ///< of the codes of a row, or of its bf16 values
  KeyPages memory;                    ///< own or the engine's, strides filled in
  core::AlignedBuffer<std::int8_t> own_codes;
  core::AlignedBuffer<float> own_scales;
  TensorView<const std::int32_t, 2> borrowed_table;  ///< empty: own memory
  std::vector<std::vector<std::int32_t>> own_table;  ///< pages of each sequence
  std::vector<std::int64_t> own_rows;                ///< rows that each sequence has stored
  std::vector<std::int32_t> free;                    ///< pages that no sequence has
  std::vector<std::int32_t> users;                   ///< of each own page: sequences that have it
  /// Who writes a borrowed page in the step that is being checked.
  struct Writer {
    std::int32_t owner = -1;
    std::int64_t block = -1;
    friend bool operator==(const Writer&, const Writer&) = default;
  };
  std::vector<Writer> writer;  ///< of each page; nobody between checks

  [[nodiscard]] bool owned() const { return borrowed_table.empty(); }
  [[nodiscard]] std::int64_t sequences() const;
  void check_sequence(std::int64_t sequence) const;
  /// Throws Error(input) unless the sequence has a page for the row, and has stored it if known.
  void check_stored(std::int64_t sequence, std::int64_t row) const;

  /// Throws Error(input) unless every sequence of the plan has, or can get, pages for all of its
  /// rows, and no page that the step writes belongs to two of them. Changes nothing.
  void check(const Plan& plan);
  /// Throws Error(input) unless every row before the plan's first new one has been stored.
  void check_history(const SequencePlan& sequence, std::int64_t rows) const;
  /// Memory for the tables that take() will fill; throws std::bad_alloc.
  void make_room(const Plan& plan);
  /// Takes the pages that check() found to be free, and counts the rows as stored.
  void take(std::int64_t sequence, std::int64_t rows) noexcept;

  /// Forgets the rows from `rows` on, and gives back the pages behind them. A page that others
  /// share and that is no longer full is copied. Throws Error(input) if no page is free for that.
  void truncate(std::int64_t sequence, std::int64_t rows);
  /// Throws Error unless `to` is empty and a page is free for the rows that fill none.
  void check_fork(std::int64_t from, std::int64_t to) const;
  /// `to` gets the rows of `from`: the full pages shared, the last one copied.
  void fork(std::int64_t from, std::int64_t to);

  /// Page of a block; the block must exist.
  [[nodiscard]] std::int32_t page(std::int64_t sequence, std::int64_t block) const;
  [[nodiscard]] std::int8_t* codes(std::int64_t sequence, std::int64_t row) const;
  [[nodiscard]] float* scale(std::int64_t sequence, std::int64_t row) const;
  [[nodiscard]] bool holds_bf16() const { return memory.storage == RowStorage::bf16; }
  [[nodiscard]] std::uint16_t* bf16_row(std::int64_t sequence, std::int64_t row) const {
    return reinterpret_cast<std::uint16_t*>(codes(sequence, row));
  }
  /// Stores a row of these values.
  void write(std::int64_t sequence, std::int64_t row, const reference::Row& values) const;
  /// The pages of rows 0 .. rows - 1; how many there are.
  std::int64_t list_pages(std::int64_t sequence, std::int64_t rows, cpu::KeyPage* pages) const;

 private:
  void release(std::int32_t page);
  [[nodiscard]] std::int32_t copy_of(std::int32_t page);
  void check_borrowed(const SequencePlan& sequence) const;
  void check_written_pages(const Plan& plan);
  /// Throws Error(input) if a page that gets new rows belongs to another sequence, too.
  void check_unshared(const SequencePlan& sequence) const;
  /// body(who writes it so far, who writes it here) for each page that gets new rows.
  template <class Body>
  void for_each_written_page(const Plan& plan, const Body& body);
};

}  // namespace fulgurite
