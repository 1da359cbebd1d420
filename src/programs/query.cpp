#include "programs/query.hpp"

#include "programs/rows.hpp"

namespace fulgurite::programs {

using namespace tile;

namespace {

/// What the functions of this file share.
struct Query {
  Program& pl;
  const ProgramShape& shape;
  const ProgramOptions& options;
  const QueryTensors& in;
  Tensor qr_proj;       ///< [T, H*128] BF16
  Tensor qr_proj_flat;  ///< the same as [T*H, 128]
  Tensor rope_out;      ///< [T*H, 64] BF16; none if the rotation is in place
  QuantizedQuery out;
};

// ---- qr_proj

Tile project(const Query& q, Index o) {
  const Tiling& tiling = q.options.tiling;
  Tile qr_acc;
  for (const Index k :
       q.pl.pipeline(0, q.shape.query_rank, tiling.query_k_step, {.stage = tiling.stage})) {
    const Tile a = q.in.qr(all, {k, tiling.query_k_step});
    const Tile b = q.in.wq_b({k, tiling.query_k_step}, {o, tiling.query_columns});
    qr_acc = k == 0 ? matmul(a, b, {.out_dtype = DType::i32}) : matmul_acc(qr_acc, a, b);
  }
  return qr_acc;
}

/// Scales the product, `chunk` rows at a time.
void write_projection(const Query& q, const Value& qr_acc, Index o, Index chunk) {
  const Index columns = q.options.tiling.query_columns;
  const Tile weight_scale = reshape(q.in.wq_b_scale({o, columns}), {1, columns});
  for_chunks(q.pl, q.shape.tokens(), chunk, [&](Index r) {
    const Tile part = cast(rows_of(qr_acc, r, chunk), DType::f32, Round::none);
    const Tile by_row = row_expand_mul(part, rows_of(q.in.qr_scale, r, chunk));
    const Tile scaled = col_expand_mul(by_row, weight_scale);
    q.qr_proj({r, chunk}, {o, columns}) = cast(scaled, DType::bf16, Round::rint);
  });
}

void projection_loop(const Query& q) {
  const Tiling& tiling = q.options.tiling;
  for (const Index o : q.pl.parallel(0, q.shape.features(), tiling.query_columns)) {
    if (q.options.fused.qr_proj) {
      q.pl.at("qr_proj", {.optimizations = {split(q.options.split.qr_proj)}},
              [&] { write_projection(q, project(q, o), o, tiling.query_row_chunk); });
    } else {
      const Tensor qr_acc = q.pl.at("qr_proj", [&] { return keep("qr_acc", project(q, o)); });
      q.pl.at("qr_proj_write", [&] { write_projection(q, qr_acc, o, q.shape.tokens()); });
    }
  }
}

// ---- rope_slice, rope_assemble

void rotate(const Query& q, Index o) {
  const ProgramOptions& options = q.options;
  const RopeTiling tiling{.fuse_slice = options.fused.rope_slice,
                          .fuse_assemble = options.fused.rope_assemble,
                          .slice_split = options.split.rope_slice,
                          .assemble_split = options.split.rope_assemble,
                          .row_chunk = options.tiling.rope_row_chunk,
                          .k_step = options.tiling.rope_k_step,
                          .stage = options.tiling.stage};
  const Index rows = q.shape.heads * options.tiling.rope_group;
  const RopePair pair = rope_slice(q.pl, q.in.rope, tiling, q.qr_proj_flat, o, rows);
  if (options.rope_in_place) {
    rope_assemble(q.pl, q.in.rope, tiling, pair, q.qr_proj_flat, o, kNopeDim);
  } else {
    rope_assemble(q.pl, q.in.rope, tiling, pair, q.rope_out, o, 0);
  }
}

// ---- qr_hadamard

Tile hadamard(const Query& q, Index o, Index rows) {
  if (q.options.rope_in_place) {
    const Tile a = q.qr_proj_flat({o, rows}, {0, kHeadDim});
    return matmul(a, q.in.hadamard, {.out_dtype = DType::f32});
  }
  const Tile nope = q.qr_proj_flat({o, rows}, {0, kNopeDim});
  const Tile nope_matrix = q.in.hadamard({0, kNopeDim}, all);
  const Tile acc = matmul(nope, nope_matrix, {.out_dtype = DType::f32});
  const Tile rotated = q.rope_out({o, rows}, all);
  const Tile rope_matrix = q.in.hadamard({kNopeDim, kRopeDim}, all);
  return matmul_acc(acc, rotated, rope_matrix);
}

/// The codes of rows [o, o + rows), which are rows [first, first + rows) of `acc`.
void quantize(const Query& q, const Value& acc, Index first, Index o, Index rows) {
  const Index chunk = q.options.tiling.feature_chunk;
  const auto load = [&](Index h) -> Tile { return acc({first, rows}, {h, chunk}); };
  const RowScales scales = scales_of_rows(q.pl, rows, chunk, load);
  q.out.scale({o, rows}, all) = scales.dequantize;
  for (const Index h : q.pl.range(0, kHeadDim, chunk)) {
    q.out.codes({o, rows}, {h, chunk}) = codes_of_rows(load(h), scales.quantize);
  }
}

void hadamard_fused(const Query& q, Index o, Index rows) {
  const Index chunk = q.options.tiling.hadamard_row_chunk;
  q.pl.at("qr_hadamard", {.optimizations = {split(q.options.split.qr_hadamard)}}, [&] {
    const Tile acc = hadamard(q, o, rows);
    for_chunks(q.pl, rows, chunk, [&](Index r) { quantize(q, acc, r, o + r, chunk); });
  });
}

void hadamard_loops(const Query& q) {
  const Index rope_rows = q.shape.heads * q.options.tiling.rope_group;
  const Index group_rows = q.shape.heads * q.options.tiling.group;
  const Index all_rows = q.shape.tokens() * q.shape.heads;
  if (q.options.fused.qr_hadamard) {
    for (const Index o : q.pl.parallel(0, all_rows, rope_rows)) hadamard_fused(q, o, rope_rows);
    return;
  }
  const Tensor qr_hadamard_acc_g =
      q.pl.create_tensor("qr_hadamard_acc_g", {all_rows, kHeadDim}, DType::f32);
  for (const Index o : q.pl.parallel(0, all_rows, rope_rows)) {
    q.pl.at("qr_hadamard",
            [&] { qr_hadamard_acc_g({o, rope_rows}, all) = hadamard(q, o, rope_rows); });
  }
  for (const Index o : q.pl.parallel(0, all_rows, group_rows)) {
    q.pl.at("qr_hadamard_quant", [&] { quantize(q, qr_hadamard_acc_g, o, o, group_rows); });
  }
}

/// The same inside an iteration of the rope loop.
void hadamard_by_name(const Query& q, Index o, Index rows) {
  const Tensor acc =
      q.pl.at("qr_hadamard", [&] { return keep("qr_hadamard_acc", hadamard(q, o, rows)); });
  q.pl.at("qr_hadamard_quant", [&] { quantize(q, acc, 0, o, rows); });
}

}  // namespace

QuantizedQuery query(Program& pl, const ProgramShape& shape, const ProgramOptions& options,
                     const QueryTensors& tensors) {
  const Index rows = shape.tokens() * shape.heads;
  Query q{.pl = pl,
          .shape = shape,
          .options = options,
          .in = tensors,
          .qr_proj = {},
          .qr_proj_flat = {},
          .rope_out = {},
          .out = {}};
  q.qr_proj = pl.create_tensor("qr_proj", {shape.tokens(), shape.features()}, DType::bf16);
  q.qr_proj_flat = reshape(q.qr_proj, {rows, kHeadDim});
  projection_loop(q);

  q.out.codes = pl.create_tensor("qr_hadamard_i8", {rows, kHeadDim}, DType::i8);
  q.out.scale = pl.create_tensor("qr_hadamard_scale_dq", {rows, 1}, DType::f32);
  if (!options.rope_in_place) {
    q.rope_out = pl.create_tensor("qr_rope_out", {rows, kRopeDim}, DType::bf16);
  }
  const Index rope_rows = shape.heads * options.tiling.rope_group;
  for (const Index o : pl.parallel(0, rows, rope_rows)) {
    rotate(q, o);
    if (options.one_query_loop) hadamard_by_name(q, o, rope_rows);
  }
  if (!options.one_query_loop) hadamard_loops(q);
  return q.out;
}

}  // namespace fulgurite::programs
