#pragma once

#include <cstdint>
#include <span>

// How lanes share the rows that a block of tokens sees. A token that has more than its share is
// split into units of rows; the others are scored by one lane each. Results do not depend on it.

namespace fulgurite::cpu {

/// A token, and how many rows it sees.
struct VisibleRows {
  std::int64_t place;  ///< of the token among those that are scored together
  std::int64_t rows;
};

/// Tokens whose rows are split, all at the same time.
struct Wave {
  std::span<const VisibleRows> tokens;
  std::int64_t unit_rows;  ///< rows of a unit, a multiple of 32; a token's last one may have fewer
  std::int64_t units;
  std::int64_t sums;    ///< places for a partial sum of each row, units rounded up to 32
  std::int64_t places;  ///< of a unit's partial selection
};

/// Puts tokens with more rows first.
void order_by_rows(std::span<VisibleRows> tokens);

/// More rows of one token than these are split. `tokens` are all that the lanes share.
std::int64_t most_whole_rows(std::span<const VisibleRows> tokens, std::int64_t lanes);

/// The first of the tokens, whose first is to be split, as many as are worth it and fit the memory
/// for partial sums: 1 MiB a lane, or one token.
Wave next_wave(std::span<const VisibleRows> ordered, std::int64_t whole_rows, std::int64_t lanes,
               std::int64_t topk);

/// split(wave) for the tokens that are split, then whole(tokens) for the others.
template <class Split, class Whole>
void share_rows(std::span<const VisibleRows> ordered, std::int64_t lanes, std::int64_t topk,
                const Split& split, const Whole& whole) {
  const std::int64_t whole_rows = most_whole_rows(ordered, lanes);
  while (!ordered.empty() && ordered.front().rows > whole_rows) {
    const Wave wave = next_wave(ordered, whole_rows, lanes, topk);
    split(wave);
    ordered = ordered.subspan(wave.tokens.size());
  }
  whole(ordered);
}

}  // namespace fulgurite::cpu
