#include "cpu/split.hpp"

#include <algorithm>
#include <limits>

#include "core/checked.hpp"

namespace fulgurite::cpu {
namespace {

constexpr std::int64_t kLeastUnitRows = 1024;   ///< fewer are not worth a meeting of the lanes
constexpr std::int64_t kLeastSplitRows = 4096;  ///< of fewer a lane scores all
constexpr std::int64_t kUnitRowStep = 32;
constexpr std::int64_t kUnitsPerLane = 8;    ///< so that no lane waits long for the last one
constexpr std::int64_t kTokensPerLane = 16;  ///< so many equal tokens share the lanes well enough
constexpr std::int64_t kWaveRows = 262'144;  ///< of a lane: 1 MiB of partial sums

}  // namespace

void order_by_rows(std::span<VisibleRows> tokens) {
  std::sort(tokens.begin(), tokens.end(), [](const VisibleRows& a, const VisibleRows& b) {
    return a.rows != b.rows ? a.rows > b.rows : a.place < b.place;
  });
}

std::int64_t most_whole_rows(std::span<const VisibleRows> tokens, std::int64_t lanes) {
  if (lanes == 1) return std::numeric_limits<std::int64_t>::max();
  std::int64_t rows = 0;
  for (const VisibleRows& token : tokens) rows += token.rows;
  return std::max(kLeastSplitRows, rows / (kTokensPerLane * lanes));
}

Wave next_wave(std::span<const VisibleRows> ordered, std::int64_t whole_rows, std::int64_t lanes,
               std::int64_t topk) {
  std::size_t count = 0;
  std::int64_t rows = 0;
  while (count < ordered.size() && ordered[count].rows > whole_rows &&
         (count == 0 || rows + ordered[count].rows <= kWaveRows * lanes)) {
    rows += ordered[count++].rows;
  }
  const std::int64_t even = core::divide_up(rows, kUnitsPerLane * lanes);
  Wave wave{.tokens = ordered.first(count),
            .unit_rows = std::max(kLeastUnitRows, core::round_up(even, kUnitRowStep)),
            .units = 0,
            .sums = 0,
            .places = 0};
  for (const VisibleRows& token : wave.tokens) {
    wave.units += core::divide_up(token.rows, wave.unit_rows);
    wave.sums += core::round_up(token.rows, kUnitRowStep);
  }
  wave.places = std::min(topk, wave.unit_rows);
  return wave;
}

}  // namespace fulgurite::cpu
