#include "programs/topk.hpp"

#include <limits>

namespace fulgurite::programs {

using namespace tile;

namespace {

constexpr Index kSortBlock = 32;             ///< columns that sort32 sorts
constexpr Index kFirstRun = 2 * kSortBlock;  ///< its result: pairs of a score and an index

/// The scores of one token, padded to 32 * 2^n columns, so that runs merge to the end.
Tile load_scores(Program& pl, const ProgramShape& shape, const Tensor& score_flat, Index t) {
  Index width = kSortBlock;
  while (width < shape.cache_rows) width *= 2;
  Tile scores = score_flat({t, 1}, all);
  if (width == shape.cache_rows) return scores;
  Tile padded = pl.full({1, width}, DType::f32, std::numeric_limits<float>::lowest());
  padded(all, {0, shape.cache_rows}) = scores;
  return padded;
}

/// All pairs in one run, the best first.
Tile sort_rows(Program& pl, const Tile& scores) {
  const Index width = scores.shape()[1];
  const Tile idx = pl.arange(0, {1, width}, DType::u32);
  Tile pairs = sort32(scores, idx);
  Index run = kFirstRun;
  for (; run * 4 <= 2 * width; run *= 4) pairs = mrgsort(pairs, run);
  if (run == width) {
    const Tile first = pairs(all, {0, width});
    const Tile second = pairs(all, {width, width});
    pairs = mrgsort({first, second});
  }
  return pairs;
}

}  // namespace

void topk(Program& pl, const ProgramShape& shape, const Tensor& score_flat,
          const Tensor& topk_idxs_flat, Index cache_len) {
  for (const Index t : pl.parallel(shape.tokens())) {
    pl.at("topk", [&] {
      topk_idxs_flat({t, 1}, all) = pl.full({1, shape.cache_rows}, DType::i32, -1);
      if (cache_len > 0) {
        const Scalar offset = pl.cast(shape.offset, DType::i32);
        const Tile sorted = sort_rows(pl, load_scores(pl, shape, score_flat, t));
        const Tile best = sorted(all, {0, 2 * shape.topk});
        const Tile rows = gather(best, MaskPattern::P1010, DType::i32);
        const Tile valid = set_validshape(rows, 1, pl.min(shape.topk, cache_len));
        topk_idxs_flat({t, 1}, {0, shape.topk}) = add(valid, offset);
      }
    });
  }
}

}  // namespace fulgurite::programs
