#include "programs/rope.hpp"

#include "programs/rows.hpp"

namespace fulgurite::programs {

using namespace tile;

namespace {

/// The even and the odd features of rows, [rows, 32] FP32 each.
struct Halves {
  Value even;
  Value odd;
};

Halves select(Program& pl, const RopeTables& tables, const RopeTiling& tiling, const Tensor& x,
              Index first, Index rows) {
  Tile even_acc;
  Tile odd_acc;
  for (const Index k : pl.pipeline(0, kRopeDim, tiling.k_step, {.stage = tiling.stage})) {
    const Tile a = x({first, rows}, {kNopeDim + k, tiling.k_step});
    const Tile even = tables.even_select({k, tiling.k_step}, all);
    const Tile odd = tables.odd_select({k, tiling.k_step}, all);
    even_acc = k == 0 ? matmul(a, even, {.out_dtype = DType::f32}) : matmul_acc(even_acc, a, even);
    odd_acc = k == 0 ? matmul(a, odd, {.out_dtype = DType::f32}) : matmul_acc(odd_acc, a, odd);
  }
  return {even_acc, odd_acc};
}

Tile rotated_even(const RopeTables& tables, const Halves& x) {
  const Tile even = col_expand_mul(x.even, tables.cos);
  const Tile odd = col_expand_mul(x.odd, tables.sin);
  return cast(sub(even, odd), DType::bf16, Round::rint);
}

Tile rotated_odd(const RopeTables& tables, const Halves& x) {
  const Tile even = col_expand_mul(x.even, tables.sin);
  const Tile odd = col_expand_mul(x.odd, tables.cos);
  return cast(add(even, odd), DType::bf16, Round::rint);
}

Tile interleave(Program& pl, const RopeTables& tables, const RopeTiling& tiling,
                const RopePair& pair, Index first, Index rows) {
  Tile rope_acc;
  for (const Index k : pl.pipeline(0, kRopePairs, tiling.k_step, {.stage = tiling.stage})) {
    const Tile even = pair.even({first, rows}, {k, tiling.k_step});
    const Tile odd = pair.odd({first, rows}, {k, tiling.k_step});
    const Tile even_select = tables.even_select(all, {k, tiling.k_step});
    const Tile odd_select = tables.odd_select(all, {k, tiling.k_step});
    rope_acc = k == 0 ? matmul(even, even_select, {.out_dtype = DType::f32, .b_trans = true})
                      : matmul_acc(rope_acc, even, even_select, {.b_trans = true});
    rope_acc = matmul_acc(rope_acc, odd, odd_select, {.b_trans = true});
  }
  return rope_acc;
}

}  // namespace

RopePair rope_slice(Program& pl, const RopeTables& tables, const RopeTiling& tiling,
                    const Tensor& x, Index first, Index rows) {
  if (tiling.fuse_slice) {
    const Tensor rope_even_acc = pl.create_tensor("rope_even_acc", {rows, kRopePairs}, DType::bf16);
    const Tensor rope_odd_acc = pl.create_tensor("rope_odd_acc", {rows, kRopePairs}, DType::bf16);
    pl.at("rope_slice", {.optimizations = {split(tiling.slice_split)}}, [&] {
      for_chunks(pl, rows, tiling.row_chunk, [&](Index r) {
        const Halves acc = select(pl, tables, tiling, x, first + r, tiling.row_chunk);
        rope_even_acc({r, tiling.row_chunk}, all) = rotated_even(tables, acc);
        rope_odd_acc({r, tiling.row_chunk}, all) = rotated_odd(tables, acc);
      });
    });
    return {rope_even_acc, rope_odd_acc};
  }
  const Halves acc = pl.at("rope_slice", [&] {
    const Halves product = select(pl, tables, tiling, x, first, rows);
    return Halves{keep("even_acc", product.even), keep("odd_acc", product.odd)};
  });
  return pl.at("rope_apply", [&] {
    const Tile even = rotated_even(tables, acc);
    const Tile odd = rotated_odd(tables, acc);
    return RopePair{keep("rope_even_acc", even), keep("rope_odd_acc", odd)};
  });
}

void rope_assemble(Program& pl, const RopeTables& tables, const RopeTiling& tiling,
                   const RopePair& pair, const Tensor& out, Index first, Index column) {
  const Index rows = pair.even.shape()[0];
  if (tiling.fuse_assemble) {
    pl.at("rope_assemble", {.optimizations = {split(tiling.assemble_split)}}, [&] {
      for_chunks(pl, rows, tiling.row_chunk, [&](Index r) {
        const Tile rope_acc = interleave(pl, tables, tiling, pair, r, tiling.row_chunk);
        out({first + r, tiling.row_chunk}, {column, kRopeDim}) =
            cast(rope_acc, DType::bf16, Round::rint);
      });
    });
    return;
  }
  const Tensor rope_acc = pl.at("rope_assemble", [&] {
    return keep("rope_acc", interleave(pl, tables, tiling, pair, 0, rows));
  });
  pl.at("rope_write",
        [&] { out({first, rows}, {column, kRopeDim}) = cast(rope_acc, DType::bf16, Round::rint); });
}

}  // namespace fulgurite::programs
