#pragma once

#include <cstddef>
#include <cstdint>

#include "cpu/blocking-inl.hpp"
#include "cpu/kernels.hpp"
#include "cpu/key_rows-inl.hpp"
#include "cpu/select-inl.hpp"

// Scores: keys in lanes. A tile of 16 or 32 stored rows is brought into L1 in the form that the Dot
// reads (cpu/simd), part by part between the heads that meet the tile before it. The sum over heads
// is then one vector addition per head, in the order of the definition, and no sum crosses a lane.

namespace fulgurite::cpu {
namespace {

void pack_query(const std::int8_t* codes, const std::int32_t* order, std::int64_t heads,
                void* words, std::int32_t* correction) {
  auto* const packed = static_cast<std::uint8_t*>(words);
  for (std::int64_t h = 0; h < heads; ++h) {
    const std::int8_t* head = codes + order[h] * kKeyBytes;
    std::int16_t sum = 0;  // large enough for 128 codes, and twice as fast as 32 bits
    for (int i = 0; i < kKeyBytes; ++i) sum = static_cast<std::int16_t>(sum + head[i]);
    correction[h] = -128 * sum;
  }
  if constexpr (kWordBytes == 4) {
    constexpr int kVectorBytes = kLanes * static_cast<int>(kWordBytes);
    const auto vector = [&](std::int64_t h, int byte) FULGURITE_INLINE_LAMBDA {
      I32 x;
      std::memcpy(&x, codes + order[h] * kKeyBytes + byte, sizeof x);
      return as_f32(x);
    };
    for (std::int64_t h = 0; h < heads; h += 2) {
      for (int byte = 0; byte < kKeyBytes; byte += kVectorBytes) {
        const F32 low = interleave_low(vector(h, byte), vector(h + 1, byte));
        const F32 high = interleave_high(vector(h, byte), vector(h + 1, byte));
        std::uint8_t* const out = packed + query_word(h, byte / 4);
        std::memcpy(out, &low, sizeof low);  // each by itself: GCC would join them on the stack
        std::memcpy(out + sizeof low, &high, sizeof high);
      }
    }
  } else {
    for (std::int64_t h = 0; h < heads; ++h) {
      const std::int8_t* head = codes + order[h] * kKeyBytes;
      for (int four = 0; four < kKeyBytes / 4; ++four) {
        store_word(packed + query_word(h, four), head + 4 * four);
      }
    }
  }
}

/// How many heads a Dot takes at once, of a multiple of 4 that are left.
constexpr std::int64_t heads_at_once(std::int64_t left) {
  return kHeadsAtOnce == 6 && left >= 6 && left != 8 ? 6 : 4;
}
constexpr std::int64_t count_dots(std::int64_t heads) {
  std::int64_t dots = 0;
  for (std::int64_t left = heads; left > 0; left -= heads_at_once(left)) ++dots;
  return dots;
}

/// Some heads: sum = sum + float(max(dot, 0)) * weight. between(line) runs before each of the lines
/// of the Dots, where there are such.
template <std::size_t kHeads, class Between>
FULGURITE_INLINE void sum_some(const ScoreQuery& q, std::int64_t head, const std::uint8_t* tile,
                               F32 (&sum)[kTileGroups], const Between& between) {
  const auto* words = static_cast<const std::uint8_t*>(q.words);
  I32 dots[kTileGroups][kHeads];
  dot_heads(tile, words + query_word(head, 0), q.correction + head, dots, between);
#pragma GCC unroll 8
  for (std::size_t i = 0; i < kHeads; ++i) {
    const F32 weight = set1(q.weight[head + static_cast<std::int64_t>(i)]);
#pragma GCC unroll 2
    for (int group = 0; group < kTileGroups; ++group) {
      const F32 relu = to_f32(max(dots[group][i], zero_i32()));
      sum[group] = add(sum[group], mul(relu, weight));
    }
  }
}

/// As many heads as are taken at once, of `left`; returns how many.
template <class Between>
FULGURITE_INLINE std::int64_t sum_next(const ScoreQuery& q, std::int64_t head, std::int64_t left,
                                       const std::uint8_t* tile, F32 (&sum)[kTileGroups],
                                       const Between& between) {
  if constexpr (kHeadsAtOnce == 6) {
    if (heads_at_once(left) == 6) {
      sum_some<6>(q, head, tile, sum, between);
      return 6;
    }
  }
  sum_some<4>(q, head, tile, sum, between);
  return 4;
}

/// Goes on from `sum` with heads from..to, multiples of 4.
FULGURITE_INLINE void sum_heads(const ScoreQuery& q, std::int64_t from, std::int64_t to,
                                const std::uint8_t* tile, F32 (&sum)[kTileGroups]) {
  for (std::int64_t head = from; head < to;) {
    head += sum_next(q, head, to - head, tile, sum, [](int) FULGURITE_INLINE_LAMBDA {});
  }
}

/// The first `heads` heads, while the next tile is brought in.
template <class Next>
FULGURITE_INLINE void sum_first_heads(const ScoreQuery& q, std::int64_t heads,
                                      const std::uint8_t* tile, const Next& next,
                                      std::uint8_t* next_tile, F32 (&sum)[kTileGroups]) {
  const auto dots = static_cast<int>(count_dots(heads));
  const int parts_per_dot = (kTileParts + dots - 1) / dots;
  int part = 0;
  for (std::int64_t head = 0; head < heads;) {
    const std::int64_t left = heads - head;
    int at_once = parts_per_dot;
    if (kSpreadParts && part + 1 < kTileParts && parts_per_dot > 1) {
      SpreadPart<Next> first(next, part, next_tile);
      SpreadPart<Next> second(next, part + 1, next_tile);
      part += 2;
      at_once -= 2;
      head += sum_next(q, head, left, tile, sum, [&](int line) FULGURITE_INLINE_LAMBDA {
        first.step(line);
        second.step(line);
      });
    } else if (kSpreadParts && part < kTileParts) {
      SpreadPart<Next> spread(next, part++, next_tile);
      --at_once;
      head += sum_next(q, head, left, tile, sum,
                       [&](int line) FULGURITE_INLINE_LAMBDA { spread.step(line); });
    } else {
      head += sum_next(q, head, left, tile, sum, [](int) FULGURITE_INLINE_LAMBDA {});
    }
    for (; at_once > 0 && part < kTileParts; --at_once) bring_part(next, part++, next_tile);
  }
}

FULGURITE_INLINE void clear(F32 (&sum)[kTileGroups]) {
#pragma GCC unroll 2
  for (int group = 0; group < kTileGroups; ++group) sum[group] = zero_f32();
}

/// The tile's sums times its rows' scales.
FULGURITE_INLINE void scale_sums(const TileRows& tile, const F32 (&sum)[kTileGroups],
                                 F32 (&scaled)[kTileGroups]) {
#pragma GCC unroll 2
  for (int group = 0; group < kTileGroups; ++group) {
    scaled[group] = mul(sum[group], load(tile.scale + kLanes * group));
  }
}

/// walk(row, rows, lines, sum_first) for each tile of rows first..last: its first row relative to
/// `first`, where its rows are, their transposed codes. It calls sum_first(q, heads, sum) once: the
/// sums over the first `heads` heads, a positive multiple of 4, before the rows' scales; meanwhile
/// the next tile is brought in.
template <class Walk>
FULGURITE_INLINE void walk_tiles(const KeyTable& table, std::int64_t first, std::int64_t last,
                                 const Walk& walk) {
  if (first >= last) return;
  alignas(64) std::uint8_t lines[2][kTileGroups * kTileGroupBytes];
  TileRows rows[2];
  TileCursor cursor(table, first, last);
  cursor.next(rows[0]);
  transpose_tile(rows[0], lines[0]);
  int now = 0;
  for (std::int64_t row = 0; row < last - first; row += kTileRows) {
    TileRows& next = rows[now ^ 1];
    cursor.next(next);
    const auto sum_first = [&](const ScoreQuery& q, std::int64_t heads,
                               F32(&sum)[kTileGroups]) FULGURITE_INLINE_LAMBDA {
      clear(sum);
      if (next.count == 0) {
        sum_heads(q, 0, heads, lines[now], sum);
      } else if (next.first != nullptr) {
        sum_first_heads(q, heads, lines[now], ContiguousRows{next.first, next.after},
                        lines[now ^ 1], sum);
      } else {
        sum_first_heads(q, heads, lines[now], GatheredRows{next.row}, lines[now ^ 1], sum);
      }
    };
    walk(row, rows[now], lines[now], sum_first);
    now ^= 1;
  }
}

/// sink(row, tile, lines, sums) for each tile: as walk_tiles has them, and the sums over the first
/// `heads` heads.
template <class Sink>
FULGURITE_INLINE void sum_tiles(const ScoreQuery& q, std::int64_t heads, const KeyTable& table,
                                std::int64_t first, std::int64_t last, const Sink& sink) {
  walk_tiles(table, first, last,
             [&](std::int64_t row, const TileRows& tile, const std::uint8_t* lines,
                 const auto& sum_first) FULGURITE_INLINE_LAMBDA {
               F32 sum[kTileGroups];
               sum_first(q, heads, sum);
               sink(row, tile, lines, sum);
             });
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
  sum_tiles(q, q.heads, table, first, last,
            [&](std::int64_t row, const TileRows& tile, const std::uint8_t* /*lines*/,
                const F32(&sum)[kTileGroups]) FULGURITE_INLINE_LAMBDA {
              F32 scores[kTileGroups];
              scale_sums(tile, sum, scores);
              store_scores(out + row, tile.count, scores);
            });
}

FULGURITE_INLINE Mask lanes_of(std::int64_t count, int group) {
  const std::int64_t left = count - group * kLanes;
  return first_lanes(left > 0 ? left : 0);
}

/// Appends what beats the list, among the lanes `valid`. A later row with an equal score has a
/// higher number, so it loses.
FULGURITE_INLINE void offer(TopList& list, Mask valid, F32 score, I32 row) {
  const Mask nan = mask_and(is_nan(score), valid);
  list.met_nan = list.met_nan || bits(nan) != 0;
  const F32 x = select(nan, set1(-__builtin_inff()), score);
  const Mask open = first_lanes(list.closed ? 0 : kLanes);
  const Mask pass = mask_and(mask_or(greater(x, set1(list.threshold)), open), valid);
  // Where appending is cheap, no branch on a mask just computed: it would be resolved only after
  // the whole chain of the tile's Dots.
  if (!kAppendIsCheap && bits(pass) == 0) return;
  list.count += append(list.scores + list.count, list.rows + list.count, pass, x, row);
}

/// The numbers of a group's rows in a tile that begins with row `row`.
FULGURITE_INLINE I32 row_numbers(std::int64_t row, int group) {
  return add(lane_numbers(), set1(static_cast<std::int32_t>(row + group * kLanes)));
}

/// A tile's sums to scores, which are offered; `row` is relative to `first`.
FULGURITE_INLINE void offer_tile(const ScoreTask& task, std::int64_t first, std::int64_t row,
                                 const TileRows& tile, const F32 (&sum)[kTileGroups]) {
  TopList& list = *task.list;
  const std::int64_t left = task.last - first - row;
  const std::int64_t count = left < tile.count ? left : tile.count;
  F32 scores[kTileGroups];
  scale_sums(tile, sum, scores);
  if (list.count > list.capacity - kTileRows) select_top(list);
  if (task.out != nullptr) store_scores(task.out + row, count, scores);
#pragma GCC unroll 2
  for (int group = 0; group < kTileGroups; ++group) {
    offer(list, lanes_of(count, group), scores[group], row_numbers(first + row, group));
  }
}

void score_select(const ScoreTask* tasks, std::int64_t count, const KeyTable& table,
                  std::int64_t first) {
  std::int64_t last = first;
  for (std::int64_t i = 0; i < count; ++i) last = tasks[i].last > last ? tasks[i].last : last;
  walk_tiles(table, first, last,
             [&](std::int64_t row, const TileRows& tile, const std::uint8_t* lines,
                 const auto& sum_first) FULGURITE_INLINE_LAMBDA {
               F32 sum[kTileGroups];
               sum_first(tasks[0].query, tasks[0].query.heads, sum);
               offer_tile(tasks[0], first, row, tile, sum);
               for (std::int64_t i = 1; i < count; ++i) {
                 clear(sum);
                 sum_heads(tasks[i].query, 0, tasks[i].query.heads, lines, sum);
                 offer_tile(tasks[i], first, row, tile, sum);
               }
             });
}

}  // namespace
}  // namespace fulgurite::cpu
