#pragma once

#include "programs/program_shape.hpp"
#include "tile/tile.hpp"

// What several kernels do with rows.

namespace fulgurite::programs {

/// Calls body(first) for each chunk of the rows; a single chunk needs no loop.
template <class Body>
void for_chunks(tile::Program& pl, Index rows, Index chunk, const Body& body,
                tile::Where where = std::source_location::current()) {
  if (chunk == rows) return body(Index{0});
  for (const Index first : pl.range(0, rows, chunk, where)) body(first);
}

/// Rows [first, first + count) of a matrix: the value itself if these are all.
tile::Value rows_of(const tile::Value& x, Index first, Index count,
                    tile::Where where = std::source_location::current());

/// The INT8 scales of rows, as columns [rows, 1] FP32.
struct RowScales {
  tile::Tile quantize;    ///< 127 / amax, amax at least 1e-4
  tile::Tile dequantize;  ///< its reciprocal
};

/// Of the rows whose features [h, h + chunk) load(h) gives as an FP32 tile.
template <class Load>
RowScales scales_of_rows(tile::Program& pl, Index rows, Index chunk, const Load& load) {
  using namespace tile;
  Tile amax = pl.full({1, rows}, DType::f32, 1e-4);
  for (const Index h : pl.range(0, kHeadDim, chunk)) {
    const Tile x = load(h);
    const Tile most = row_max(maximum(x, neg(x)));
    amax = maximum(amax, reshape(most, {1, rows}));
  }
  const Tile q = div(pl.full({1, rows}, DType::f32, 127.0), amax);
  const Tile dequantize = reshape(recip(q), {rows, 1});
  return {.quantize = reshape(q, {rows, 1}), .dequantize = dequantize};
}

/// The INT8 codes of an FP32 tile: half to even first, the two casts after that are exact.
tile::Tile codes_of_rows(const tile::Tile& x, const tile::Tile& scale);

}  // namespace fulgurite::programs
