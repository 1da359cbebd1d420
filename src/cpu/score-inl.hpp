#pragma once

#include <cstddef>
#include <cstdint>

#include "cpu/kernels.hpp"
#include "cpu/select-inl.hpp"

// Scores: keys in lanes. A tile of 16 or 32 stored rows is brought into L1 in the form that the Dot
// reads (cpu/simd), part by part between the heads that meet the tile before it. The sum over heads
// is then one vector addition per head, in the order of the definition, and no sum crosses a lane.

namespace fulgurite::cpu {
namespace {

constexpr int kTileRows = kTileGroups * kLanes;
constexpr int kTileParts = kTileGroups * 8;  // of 16 keys by 16 features
constexpr std::int64_t kKeyBytes = 128;

void pack_query(const std::int8_t* codes, const std::int32_t* order, std::int64_t heads,
                void* words, std::int32_t* correction) {
  auto* const packed = static_cast<std::uint8_t*>(words);
  for (std::int64_t h = 0; h < heads; ++h) {
    const std::int8_t* head = codes + order[h] * kKeyBytes;
    std::int32_t sum = 0;
    for (int i = 0; i < kKeyBytes; ++i) sum += head[i];
    for (int four = 0; four < kKeyBytes / 4; ++four) {
      store_word(packed + query_word(h, four), head + 4 * four);
    }
    correction[h] = -128 * sum;
  }
}

/// Up to kTileRows rows of a table, from where they are stored.
struct TileRows {
  std::int64_t count;
  const std::int8_t* first;  ///< not null if all kTileRows rows follow each other
  const std::int8_t* row[kTileRows];
  const float* scale;  ///< [kTileRows]: in the page, or gathered
  float gathered_scale[kTileRows];
};

/// Walks over rows in tiles, without a division per tile.
class TileCursor {
 public:
  FULGURITE_INLINE TileCursor(const KeyTable& table, std::int64_t first, std::int64_t last)
      : page_(table.pages + first / table.page_rows),
        row_in_page_(first % table.page_rows),
        page_rows_(table.page_rows),
        left_(last - first) {}

  /// The next tile; its count is 0 when there is none. The last one is filled up with its last row.
  FULGURITE_INLINE void next(TileRows& tile) {
    tile.count = left_ < kTileRows ? left_ : kTileRows;
    left_ -= tile.count;
    tile.first = nullptr;
    if (tile.count == kTileRows && row_in_page_ + kTileRows <= page_rows_) {
      tile.first = page_->codes + row_in_page_ * kKeyBytes;
      tile.scale = page_->scale + row_in_page_;
      step(kTileRows);
    } else if (tile.count > 0) {
      gather(tile);
    }
  }

 private:
  FULGURITE_INLINE void step(std::int64_t rows) {
    row_in_page_ += rows;
    if (row_in_page_ == page_rows_) {
      row_in_page_ = 0;
      ++page_;
    }
  }
  FULGURITE_INLINE void gather(TileRows& tile) {
    tile.scale = tile.gathered_scale;
    for (int i = 0; i < kTileRows; ++i) {
      if (i >= tile.count) {
        tile.row[i] = tile.row[i - 1];
        tile.gathered_scale[i] = tile.gathered_scale[i - 1];
        continue;
      }
      tile.row[i] = page_->codes + row_in_page_ * kKeyBytes;
      tile.gathered_scale[i] = page_->scale[row_in_page_];
      step(1);
    }
  }

  const KeyPage* page_;
  std::int64_t row_in_page_;
  std::int64_t page_rows_;
  std::int64_t left_;
};

// How a part of the next tile is fetched, of `group` and features 16*part...
struct NoRows {
  FULGURITE_INLINE void transpose(int /*part*/, std::uint8_t* /*tile*/) const {}
};
struct ContiguousRows {
  const std::int8_t* first;
  const std::int8_t* group;
  FULGURITE_INLINE const std::int8_t* operator[](int i) const { return group + i * kKeyBytes; }
  /// Part `part` of the tile, and a share of the tile after it towards L1.
  FULGURITE_INLINE void transpose(int part, std::uint8_t* tile) const {
    const std::int8_t* after = first + kTileRows * kKeyBytes + part * 256;
#pragma GCC unroll 4
    for (int line = 0; line < 4; ++line) __builtin_prefetch(after + 64 * line);
    const ContiguousRows rows{first, first + part / 8 * kLanes * kKeyBytes};
    transpose_part(rows, part % 8, tile + static_cast<std::size_t>(part / 8) * kTileGroupBytes);
  }
};
struct GatheredRows {
  const std::int8_t* const* row;
  FULGURITE_INLINE const std::int8_t* operator[](int i) const { return row[i]; }
  FULGURITE_INLINE void transpose(int part, std::uint8_t* tile) const {
    const GatheredRows rows{row + part / 8 * kLanes};
    transpose_part(rows, part % 8, tile + static_cast<std::size_t>(part / 8) * kTileGroupBytes);
  }
};

/// sum = +0; for each head sum = sum + float(max(dot, 0)) * weight. `next` is brought in meanwhile.
template <class Next>
FULGURITE_INLINE void sum_heads(const ScoreQuery& q, const std::uint8_t* tile, const Next& next,
                                std::uint8_t* next_tile, F32 (&sum)[kTileGroups]) {
  const auto* words = static_cast<const std::uint8_t*>(q.words);
  const auto quads = static_cast<int>(q.heads / 4);
  const int parts_per_quad = (kTileParts + quads - 1) / quads;
  int part = 0;
#pragma GCC unroll 2
  for (int group = 0; group < kTileGroups; ++group) sum[group] = zero_f32();
  for (std::int64_t head = 0; head < q.heads; head += 4) {
    for (int i = 0; i < parts_per_quad && part < kTileParts; ++i) next.transpose(part++, next_tile);
    I32 dots[kTileGroups][4];
    dot_heads(tile, words + query_word(head, 0), q.correction + head, dots);
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const F32 weight = set1(q.weight[head + i]);
#pragma GCC unroll 2
      for (int group = 0; group < kTileGroups; ++group) {
        const F32 relu = to_f32(max(dots[group][i], zero_i32()));
        sum[group] = add(sum[group], mul(relu, weight));
      }
    }
  }
}

/// sink(row, count, scores): for each tile, its first row relative to `first`, how many rows count,
/// and the scores.
template <class Sink>
FULGURITE_INLINE void score_tiles(const ScoreQuery& q, const KeyTable& table, std::int64_t first,
                                  std::int64_t last, const Sink& sink) {
  if (first >= last) return;
  alignas(64) std::uint8_t tiles[2][kTileGroups * kTileGroupBytes];
  TileRows rows[2];
  TileCursor cursor(table, first, last);
  cursor.next(rows[0]);
  for (int part = 0; part < kTileParts; ++part) {
    if (rows[0].first != nullptr) {
      ContiguousRows{rows[0].first, nullptr}.transpose(part, tiles[0]);
    } else {
      GatheredRows{rows[0].row}.transpose(part, tiles[0]);
    }
  }
  int now = 0;
  for (std::int64_t row = 0; row < last - first; row += kTileRows) {
    const TileRows& tile = rows[now];
    TileRows& next = rows[now ^ 1];
    cursor.next(next);
    F32 sum[kTileGroups];
    if (next.count == 0) {
      sum_heads(q, tiles[now], NoRows{}, nullptr, sum);
    } else if (next.first != nullptr) {
      sum_heads(q, tiles[now], ContiguousRows{next.first, nullptr}, tiles[now ^ 1], sum);
    } else {
      sum_heads(q, tiles[now], GatheredRows{next.row}, tiles[now ^ 1], sum);
    }
#pragma GCC unroll 2
    for (int group = 0; group < kTileGroups; ++group) {
      sum[group] = mul(sum[group], load(tile.scale + kLanes * group));
    }
    sink(row, tile.count, sum);
    now ^= 1;
  }
}

FULGURITE_INLINE void store_scores(float* out, std::int64_t count,
                                   const F32 (&scores)[kTileGroups]) {
#pragma GCC unroll 2
  for (int group = 0; group < kTileGroups; ++group) {
    const std::int64_t left = count - group * kLanes;
    const F32 x = canonical_nan(scores[group]);
    if (left >= kLanes) {
      store(out + group * kLanes, x);
    } else if (left > 0) {
      store_first(out + group * kLanes, left, x);
    }
  }
}

void score(const ScoreQuery& q, const KeyTable& table, std::int64_t first, std::int64_t last,
           float* out) {
  score_tiles(q, table, first, last,
              [&](std::int64_t row, std::int64_t count, const F32(&scores)[kTileGroups])
                  FULGURITE_INLINE_LAMBDA { store_scores(out + row, count, scores); });
}

/// Appends what beats the list. A later row with an equal score has a higher number, so it loses.
FULGURITE_INLINE void offer(TopList& list, std::int64_t row, std::int64_t count,
                            const F32 (&scores)[kTileGroups]) {
  const F32 threshold = set1(list.threshold);
  const Mask open = first_lanes(list.closed ? 0 : kLanes);
#pragma GCC unroll 2
  for (int group = 0; group < kTileGroups; ++group) {
    const std::int64_t left = count - group * kLanes;
    const Mask valid = first_lanes(left > 0 ? left : 0);
    const Mask nan = mask_and(is_nan(scores[group]), valid);
    list.met_nan = list.met_nan || bits(nan) != 0;
    const F32 x = select(nan, set1(-__builtin_inff()), scores[group]);
    const Mask pass = mask_and(mask_or(greater(x, threshold), open), valid);
    // Where appending is cheap, no branch on a mask just computed: it would be resolved only after
    // the whole chain of the tile's Dots.
    if (!kAppendIsCheap && bits(pass) == 0) continue;
    const auto first = static_cast<std::int32_t>(row + group * kLanes);
    list.count += append(list.scores + list.count, list.rows + list.count, pass, x,
                         add(lane_numbers(), set1(first)));
  }
}

void score_select(const ScoreQuery& q, const KeyTable& table, std::int64_t first, std::int64_t last,
                  float* out, TopList& list) {
  score_tiles(q, table, first, last,
              [&](std::int64_t row, std::int64_t count, const F32(&scores)[kTileGroups])
                  FULGURITE_INLINE_LAMBDA {
                    if (list.count > list.capacity - kTileRows) select_top(list);
                    if (out != nullptr) store_scores(out + row, count, scores);
                    offer(list, first + row, count, scores);
                  });
}

}  // namespace
}  // namespace fulgurite::cpu
