#include "programs/compressor.hpp"
#include "programs/rows.hpp"

// From the pooled features to the row in the cache.

namespace fulgurite::programs::compressor {

using namespace tile;

namespace {

constexpr double kNormEps = 1e-6;
constexpr Index kNormChunk = 32;  ///< no parameter: the sum of squares depends on it

void rmsnorm(const Compressor& c) {
  const Index chunk = kNormChunk;
  const Index rows = c.sequences();
  // Loaded and rounded anew in each of the two loops.
  const auto load = [&](Index k) {
    const Tile pooled = c.pooled_kv(all, {k, chunk});
    return cast(cast(pooled, DType::bf16, Round::rint), DType::f32);
  };
  c.pl.at("rmsnorm", [&] {
    Tile ss = c.pl.full({1, rows}, DType::f32, 0.0);
    for (const Index k : c.pl.range(0, kHeadDim, chunk)) {
      const Tile v = load(k);
      ss = add(ss, reshape(row_sum(mul(v, v)), {1, rows}));
    }
    const Tile var = reshape(add(mul(ss, 1.0 / kHeadDim), kNormEps), {rows, 1});
    const Tile inv = recip(sqrt(var));
    for (const Index k : c.pl.range(0, kHeadDim, chunk)) {
      const Tile normed = row_expand_mul(load(k), inv);
      const Tile norm_w = c.norm_w({0, 1}, {k, chunk});
      const Tile scaled = col_expand_mul(normed, norm_w);
      c.normed_kv(all, {k, chunk}) = cast(scaled, DType::bf16, Round::rint);
    }
  });
}

/// All rows at once, in place.
void rotate(const Compressor& c) {
  const ProgramOptions& options = c.options;
  const RopeTiling tiling{.fuse_slice = options.fused.compressor_rope_slice,
                          .fuse_assemble = options.fused.compressor_rope_assemble,
                          .slice_split = options.split.compressor_rope_slice,
                          .assemble_split = options.split.compressor_rope_assemble,
                          .row_chunk = c.sequences(),
                          .k_step = options.tiling.compressor_rope_k_step,
                          .stage = options.tiling.stage};
  const RopePair pair = rope_slice(c.pl, c.in.rope, tiling, c.normed_kv, 0, c.sequences());
  rope_assemble(c.pl, c.in.rope, tiling, pair, c.normed_kv, 0, kNopeDim);
}

void hadamard(const Compressor& c) {
  if (c.shape.rotate) {
    c.pl.at("kv_hadamard", [&] {
      const Tile a = c.normed_kv(all, {0, kHeadDim});
      const Tile b = c.in.hadamard({0, kHeadDim}, {0, kHeadDim});
      c.kv_final(all, all) = matmul(a, b, {.out_dtype = DType::f32});
    });
  } else {
    c.pl.at("kv_write", [&] { c.kv_final(all, all) = cast(c.normed_kv, DType::f32); });
  }
}

void kv_and_cache_write(const Compressor& c) {
  c.pl.at("kv_and_cache_write", [&] {
    for (const Index b : c.pl.range(c.sequences())) {
      const Tile row = c.kv_final({b, 1}, all);
      c.kv_flat({b * c.shape.tokens_each, 1}, all) = row;
      c.kv_cache_flat({b * c.shape.cache_rows + c.step.cache_col, 1}, all) =
          cast(row, DType::bf16, Round::rint);
    }
  });
}

}  // namespace

void key_row(const Compressor& c) {
  rmsnorm(c);
  rotate(c);
  hadamard(c);
  kv_and_cache_write(c);
}

}  // namespace fulgurite::programs::compressor
