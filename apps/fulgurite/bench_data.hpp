#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/aligned_buffer.hpp"
#include "cpu/kernels.hpp"
#include "random_tensors.hpp"

namespace fulgurite::app {

/// What rows and weights are like; how much pruning can leave out hangs on it.
enum class RowKind {
  normal,    ///< normal values, weights of both signs
  heavy,     ///< the same, weights from Student's t with 2 degrees of freedom
  needles,   ///< 200 rows point where the positive heads do
  rising,    ///< later rows score higher
  positive,  ///< no negative weight: nothing can be pruned
  equal,     ///< all rows are equal
  trap,      ///< only the rows of pruning's sample score high
};
inline constexpr std::array kRowKinds{RowKind::normal, RowKind::heavy,    RowKind::needles,
                                      RowKind::rising, RowKind::positive, RowKind::equal,
                                      RowKind::trap};
std::string_view name_of(RowKind kind);

/// Rows of a sequence in pages, and queries of 64 heads, as the score kernels read them.
class ScoredRows {
 public:
  static constexpr std::int64_t kHeads = 64;
  static constexpr int kQueries = 6;  ///< in turn, so that branches do not learn one of them

  ScoredRows(const cpu::Kernels& kernels, RowKind kind, std::int64_t rows, std::uint64_t seed);

  [[nodiscard]] std::int64_t rows() const { return static_cast<std::int64_t>(scales_.size()); }
  [[nodiscard]] cpu::KeyTable table() const { return {pages_.data(), kPageRows}; }
  [[nodiscard]] cpu::ScoreQuery query(int index) const;

 private:
  static constexpr std::int64_t kPageRows = 64;

  void make_query(const cpu::Kernels& kernels, RowKind kind, int index, Normal& normal);
  void make_rows(RowKind kind, Normal& normal);

  core::AlignedBuffer<std::int8_t> codes_;
  std::vector<float> scales_;
  std::vector<cpu::KeyPage> pages_;
  core::AlignedBuffer<std::byte> words_;
  std::vector<std::int32_t> corrections_;
  std::vector<float> weights_;
  std::vector<float> direction_;  ///< where the positive heads of all queries point
};

/// Scores all rows for one of the queries and offers them to the list.
void score_all(const cpu::Kernels& kernels, const ScoredRows& rows, int query, cpu::TopList& list);
/// The list's best k, sorted.
void finish(const cpu::Kernels& kernels, cpu::TopList& list);

}  // namespace fulgurite::app
