#pragma once

#include "cpu/score-inl.hpp"

// Exact pruned selection (docs/numerics.md, section 9). After the heads whose weights are not
// negative the sum can only fall, and so can its product with a scale that is not negative: both
// hold exactly, because rounding is monotone. A row whose product is too low already is out. The
// others are collected, brought into a tile of their own, and go on from their sums: the same
// operations in the same order, hence the bits of `score`.

namespace fulgurite::cpu {
namespace {

/// Rows that may still be among the best, in ascending order, and their sums so far.
struct Survivors {
  static constexpr int kPlaces = 2 * kTileRows + kLanes;  // a tile more than wait, and slack
  alignas(64) std::uint32_t rows[kPlaces];
  alignas(64) float sums[kPlaces];
  int count = 0;
};

/// What a pruned selection works on.
struct Pruning {
  const ScoreQuery& query;
  RowFinder find;
  PrunedRows& rows;
  TopList& list;
  float known;  ///< rows with a score above it are in the list and must not get there again
  int crowd;    ///< a tile in which so many survive goes on in place
  Survivors survivors;
};

FULGURITE_INLINE void offer_unknown(Pruning& p, Mask valid, F32 score, I32 row) {
  offer(p.list, mask_and(valid, mask_not(greater(score, set1(p.known)))), score, row);
}

/// The remaining heads of the first survivors, a tile of them at most.
[[gnu::noinline]] void finish_some(Pruning& p) {
  Survivors& s = p.survivors;
  const int count = s.count < kTileRows ? s.count : kTileRows;
  TileRows tile;
  p.find.find(s.rows, count, tile);
  alignas(64) std::uint8_t lines[kTileGroups * kTileGroupBytes];
  transpose_tile(tile, lines);
  F32 sum[kTileGroups];
#pragma GCC unroll 2
  for (int group = 0; group < kTileGroups; ++group) sum[group] = load(s.sums + group * kLanes);
  sum_heads(p.query, p.rows.split, p.query.heads, lines, sum);
  F32 scores[kTileGroups];
  scale_sums(tile, sum, scores);
#pragma GCC unroll 2
  for (int group = 0; group < kTileGroups; ++group) {
    offer_unknown(p, lanes_of(count, group), scores[group], load(s.rows + group * kLanes));
  }
  p.rows.finished += count;
  s.count -= count;
#pragma GCC unroll 2
  for (int group = 0; group < kTileGroups; ++group) {
    store(s.rows + group * kLanes, load(s.rows + kTileRows + group * kLanes));
    store(s.sums + group * kLanes, load(s.sums + kTileRows + group * kLanes));
  }
}

FULGURITE_INLINE void finish_all(Pruning& p) {
  while (p.survivors.count > 0) finish_some(p);
}

/// The remaining heads of a whole tile, where most rows survive: collecting them would cost more.
[[gnu::noinline]] void finish_in_place(Pruning& p, std::int64_t row, const TileRows& tile,
                                       const std::uint8_t* lines, const float* sums) {
  F32 sum[kTileGroups];
#pragma GCC unroll 2
  for (int group = 0; group < kTileGroups; ++group) sum[group] = load(sums + group * kLanes);
  sum_heads(p.query, p.rows.split, p.query.heads, lines, sum);
  F32 scores[kTileGroups];
  scale_sums(tile, sum, scores);
#pragma GCC unroll 2
  for (int group = 0; group < kTileGroups; ++group) {
    offer_unknown(p, lanes_of(tile.count, group), scores[group], row_numbers(row, group));
  }
  p.rows.finished += tile.count;
}

/// Room in the list and among the survivors for a tile. Whatever waits is decided before the list's
/// threshold rises: of two rows with equal scores the lower must come first.
FULGURITE_INLINE void make_room(Pruning& p) {
  if (p.list.count > p.rows.most_candidates) {
    finish_all(p);
    select_top(p.list);
  } else if (p.survivors.count >= kTileRows) {
    finish_some(p);  // of earlier tiles: a branch on what was decided long ago costs little
  }
}

/// The rows of a tile that may still be among the best. One whose scale is negative, infinite or
/// NaN has no bound.
FULGURITE_INLINE Mask alive(const Pruning& p, F32 sum, F32 scale, Mask valid) {
  const F32 bound = mul(sum, scale);
  const Mask odd = mask_or(mask_not(less(scale, set1(__builtin_inff()))), less(scale, zero_f32()));
  const Mask open = first_lanes(p.list.closed ? 0 : kLanes);
  const Mask above = greater(bound, set1(p.list.threshold));
  return mask_and(mask_or(mask_or(above, odd), open), valid);
}

FULGURITE_INLINE void collect(Survivors& s, Mask m, F32 sum, I32 row) {
  if (!kAppendIsCheap && bits(m) == 0) return;
  s.count += append(s.sums + s.count, s.rows + s.count, m, sum, row);
}

FULGURITE_INLINE Pruning make_pruning(const ScoreQuery& q, const KeyTable& table, PrunedRows& rows,
                                      TopList& list, float known) {
  const auto rest = static_cast<int>(q.heads - rows.split);
  const int crowd = kTileRows * rest / (rest + kCollectHeads);
  return {q, RowFinder(table), rows, list, known, crowd, {}};
}

void score_select_pruned(const ScoreQuery& q, const KeyTable& table, std::int64_t first,
                         std::int64_t last, PrunedRows& rows, TopList& list) {
  Pruning p = make_pruning(q, table, rows, list, __builtin_inff());
  sum_tiles(q, rows.split, table, first, last,
            [&](std::int64_t row, const TileRows& tile, const std::uint8_t* lines,
                const F32(&sum)[kTileGroups]) FULGURITE_INLINE_LAMBDA {
              make_room(p);
              Mask in[kTileGroups];
              int count = 0;
              float* const sums = rows.sums + row;
#pragma GCC unroll 2
              for (int group = 0; group < kTileGroups; ++group) {
                store(sums + group * kLanes, sum[group]);
                in[group] = alive(p, sum[group], load(tile.scale + group * kLanes),
                                  lanes_of(tile.count, group));
                count += __builtin_popcount(bits(in[group]));
              }
              if (count >= p.crowd) {
                finish_in_place(p, first + row, tile, lines, sums);
                return;
              }
#pragma GCC unroll 2
              for (int group = 0; group < kTileGroups; ++group) {
                collect(p.survivors, in[group], sum[group], row_numbers(first + row, group));
              }
            });
  finish_all(p);
}

void reselect_pruned(const ScoreQuery& q, const KeyTable& table, std::int64_t first,
                     std::int64_t last, PrunedRows& rows, TopList& list) {
  Pruning p = make_pruning(q, table, rows, list, list.threshold);
  list.closed = false;
  TileCursor cursor(table, first, last);
  TileRows tile;
  for (std::int64_t row = 0; row < last - first; row += kTileRows) {
    cursor.next(tile);
    make_room(p);
#pragma GCC unroll 2
    for (int group = 0; group < kTileGroups; ++group) {
      const F32 sum = load(rows.sums + row + group * kLanes);
      const Mask in = alive(p, sum, load(tile.scale + group * kLanes), lanes_of(tile.count, group));
      collect(p.survivors, in, sum, row_numbers(first + row, group));
    }
  }
  finish_all(p);
}

void score_sample(const ScoreQuery& q, const KeyTable& table, const std::uint32_t* rows,
                  std::int64_t count, std::int64_t stride, float* bounds) {
  const RowFinder find(table);
  for (std::int64_t done = 0; done < count; done += kTileRows) {
    TileRows tile;
    find.find(rows + done, kTileRows, tile);
    alignas(64) std::uint8_t lines[kTileGroups * kTileGroupBytes];
    transpose_tile(tile, lines);
    F32 sum[kTileGroups];
    clear(sum);
    for (std::int64_t head = 0; head < q.heads; head += 4) {
      sum_heads(q, head, head + 4, lines, sum);
      F32 scaled[kTileGroups];
      scale_sums(tile, sum, scaled);
#pragma GCC unroll 2
      for (int group = 0; group < kTileGroups; ++group) {
        store(bounds + head / 4 * stride + done + group * kLanes, scaled[group]);
      }
    }
  }
}

}  // namespace
}  // namespace fulgurite::cpu
