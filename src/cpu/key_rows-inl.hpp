#pragma once

#include <cstddef>
#include <cstdint>

#include "cpu/kernels.hpp"

// Rows of a key table on their way into a tile: walked in order, or picked by number.

namespace fulgurite::cpu {
namespace {

constexpr int kTileRows = kTileGroups * kLanes;
constexpr int kTileParts = kTileGroups * 8;  // of 16 keys by 16 features
constexpr std::int64_t kKeyBytes = 128;

/// Up to kTileRows rows of a table, from where they are stored.
struct TileRows {
  std::int64_t count;
  const std::int8_t* first;  ///< not null if all kTileRows rows follow each other
  const std::int8_t* after;  ///< then the first of the rows to fetch meanwhile
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
        next_(table.next),
        left_(last - first) {}

  /// The next tile; its count is 0 when there is none. The last one is filled up with its last row.
  FULGURITE_INLINE void next(TileRows& tile) {
    tile.count = left_ < kTileRows ? left_ : kTileRows;
    left_ -= tile.count;
    tile.first = tile.after = nullptr;
    if (tile.count == kTileRows && row_in_page_ + kTileRows <= page_rows_) {
      tile.first = page_->codes + row_in_page_ * kKeyBytes;
      tile.scale = page_->scale + row_in_page_;
      step(kTileRows);
      tile.after = left_ > 0          ? page_->codes + row_in_page_ * kKeyBytes
                   : next_ != nullptr ? next_
                                      : tile.first;
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
  const std::int8_t* next_;
  std::int64_t left_;
};

// How a part of the next tile is brought in: rows(part) are the 16 keys that it is of, and
// prefetch(part, quarter) fetches a share of the tile after it towards L1.
struct ContiguousRows {
  const std::int8_t* first;
  const std::int8_t* after;
  struct Keys {
    const std::int8_t* key;
    FULGURITE_INLINE const std::int8_t* operator[](int i) const { return key + i * kKeyBytes; }
  };
  [[nodiscard]] FULGURITE_INLINE Keys rows(int part) const {
    return {first + part / 8 * kLanes * kKeyBytes};
  }
  FULGURITE_INLINE void prefetch(int part, int quarter) const {
    __builtin_prefetch(after + part * 256 + 64 * quarter);
  }
};
struct GatheredRows {
  const std::int8_t* const* row;
  struct Keys {
    const std::int8_t* const* key;
    FULGURITE_INLINE const std::int8_t* operator[](int i) const { return key[i]; }
  };
  [[nodiscard]] FULGURITE_INLINE Keys rows(int part) const { return {row + part / 8 * kLanes}; }
  FULGURITE_INLINE void prefetch(int /*part*/, int /*quarter*/) const {}
};

FULGURITE_INLINE std::uint8_t* group_of(int part, std::uint8_t* tile) {
  return tile + static_cast<std::size_t>(part / 8) * kTileGroupBytes;
}

/// A part at once.
template <class Next>
FULGURITE_INLINE void bring_part(const Next& next, int part, std::uint8_t* tile) {
#pragma GCC unroll 4
  for (int quarter = 0; quarter < 4; ++quarter) next.prefetch(part, quarter);
  PartSteps<typename Next::Keys>(next.rows(part), part % 8, group_of(part, tile)).all_steps();
}

/// A part in steps.
template <class Next>
class SpreadPart {
 public:
  FULGURITE_INLINE SpreadPart(const Next& next, int part, std::uint8_t* tile)
      : next_(next), part_(part), steps_(next.rows(part), part % 8, group_of(part, tile)) {}
  FULGURITE_INLINE void step(int at) {
    if (at % 8 == 0) next_.prefetch(part_, at / 8);
    steps_.step(at);
  }

 private:
  Next next_;
  int part_;
  PartSteps<typename Next::Keys> steps_;
};

/// Where the rows of a table are, by number. A multiplication takes the place of the division by
/// page_rows: exact for row numbers below 2^32.
class RowFinder {
 public:
  FULGURITE_INLINE explicit RowFinder(const KeyTable& table)
      : pages_(table.pages),
        page_rows_(static_cast<std::uint64_t>(table.page_rows)),
        inverse_(~std::uint64_t{0} / page_rows_ + 1) {}

  /// The tile of rows[0..count), filled up with the first of them.
  FULGURITE_INLINE void find(const std::uint32_t* rows, std::int64_t count, TileRows& tile) const {
    tile.count = count;
    tile.first = tile.after = nullptr;
    tile.scale = tile.gathered_scale;
    for (int i = 0; i < kTileRows; ++i) {
      const std::uint64_t row = rows[i < count ? i : 0];
      const std::uint64_t page = page_of(row);
      const std::uint64_t in_page = row - page * page_rows_;
      tile.row[i] = pages_[page].codes + in_page * kKeyBytes;
      tile.gathered_scale[i] = pages_[page].scale[in_page];
    }
  }

 private:
  __extension__ using Wide = unsigned __int128;
  FULGURITE_INLINE std::uint64_t page_of(std::uint64_t row) const {
    if (page_rows_ == 1) return row;  // 2^64 / 1 has no place in 64 bits
    return static_cast<std::uint64_t>(static_cast<Wide>(row) * inverse_ >> 64);
  }

  const KeyPage* pages_;
  std::uint64_t page_rows_;
  std::uint64_t inverse_;
};

/// The whole tile at once, where nothing can be done meanwhile.
FULGURITE_INLINE void transpose_tile(const TileRows& rows, std::uint8_t* tile) {
  for (int part = 0; part < kTileParts; ++part) {
    if (rows.first != nullptr) {
      bring_part(ContiguousRows{rows.first, rows.after}, part, tile);
    } else {
      bring_part(GatheredRows{rows.row}, part, tile);
    }
  }
}

}  // namespace
}  // namespace fulgurite::cpu
