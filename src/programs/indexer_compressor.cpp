#include "programs/indexer_compressor.hpp"

#include <algorithm>

#include "programs/compressor.hpp"

namespace fulgurite::programs {

using namespace tile;

namespace compressor {
namespace {

constexpr Index kWidth = kStateWidth;
/// Slots 0 to 3 hold the last window, 4 to 7 the open one.
constexpr Index kOpenSlot = kRatio;

// ---- kv_score_proj and state_scatter

void project(const Compressor& c, Index o) {
  const Index step = c.options.tiling.compressor_k_step;
  const Index columns = c.options.tiling.compressor_columns;
  Tile kv_acc;
  Tile score_acc;
  for (const Index k : c.pl.pipeline(0, c.shape.hidden, step, {.stage = c.options.tiling.stage})) {
    const Tile x = c.x_flat(all, {k, step});
    const Tile wkv = c.in.wkv({k, step}, {o, columns});
    const Tile wgate = c.in.wgate({k, step}, {o, columns});
    kv_acc = k == 0 ? matmul(x, wkv, {.out_dtype = DType::f32}) : matmul_acc(kv_acc, x, wkv);
    score_acc =
        k == 0 ? matmul(x, wgate, {.out_dtype = DType::f32}) : matmul_acc(score_acc, x, wgate);
  }
  c.kv_proj(all, {o, columns}) = kv_acc;
  c.score_proj(all, {o, columns}) = score_acc;
}

struct SlotTiles {
  Tile kv;
  Tile score;
};

/// Columns [o, o + columns) of token s of each sequence.
SlotTiles load_token(const Compressor& c, Index s, Index o) {
  const Index columns = c.options.tiling.compressor_columns;
  const Shape matrix{c.sequences(), columns};
  const Tile kv = reshape(c.kv_proj3(all, {s, 1}, {o, columns}), matrix);
  const Tile score = reshape(c.score_proj3(all, {s, 1}, {o, columns}), matrix);
  return {kv, score};
}

/// The score with the position's bias, ape[row].
Tile biased(const Compressor& c, const Tile& score, Index row, Index o) {
  const Index columns = c.options.tiling.compressor_columns;
  const Tile ape = c.in.ape({row, 1}, {o, columns});
  const Tile base = c.pl.full({c.sequences(), columns}, DType::f32, 0.0);
  return add(score, col_expand(base, ape));
}

SlotTiles load_slot(const Compressor& c, Index slot, Index o, Index columns) {
  const Tile kv = c.kv_state_flat(all, {slot * kWidth + o, columns});
  const Tile score = c.score_state_flat(all, {slot * kWidth + o, columns});
  return {kv, score};
}

void store_slot(const Compressor& c, Index slot, Index o, Index columns, const SlotTiles& tiles) {
  c.kv_state_flat(all, {slot * kWidth + o, columns}) = tiles.kv;
  c.score_state_flat(all, {slot * kWidth + o, columns}) = tiles.score;
}

Index slot_row(const Compressor& c, Index s) { return c.pl.mod(c.step.ape_row + s, kRatio); }

void scatter(const Compressor& c, Index o) {
  for (const Index s : c.pl.range(c.step.scatter_stop)) {
    const Index row = slot_row(c, s);
    SlotTiles token = load_token(c, s, o);
    token.score = biased(c, token.score, row, o);
    store_slot(c, kOpenSlot + row, o, c.options.tiling.compressor_columns, token);
  }
}

void projection_loop(const Compressor& c) {
  for (const Index o : c.pl.parallel(0, kWidth, c.options.tiling.compressor_columns)) {
    c.pl.at("kv_score_proj", [&] { project(c, o); });
    c.pl.at("state_scatter", [&] { scatter(c, o); });
  }
}

// ---- softmax_pool: over the 8 slots of each feature, with a running maximum

struct RunningSoftmax {
  Tile m;  ///< the maximum so far
  Tile l;  ///< the sum of weights, relative to it
  Tile o;  ///< the weighted sum
};

void take_slot(RunningSoftmax& pool, const SlotTiles& slot) {
  const Tile m = maximum(pool.m, slot.score);
  const Tile a = exp(sub(pool.m, m));
  const Tile e = exp(sub(slot.score, m));
  pool.l = add(mul(a, pool.l), e);
  const Tile kept = mul(pool.o, a);
  pool.o = add(kept, mul(slot.kv, e));
  pool.m = m;
}

void softmax_pool(const Compressor& c) {
  const Index chunk = c.options.tiling.pool_chunk;
  for (const Index hb : c.pl.parallel(kHeadDim / chunk)) {
    const Index front = hb * chunk;
    const Index back = front + kHeadDim;
    c.pl.at("softmax_pool", [&] {
      // Slot 7 first: it holds a token of this very step, so its score is finite.
      const SlotTiles last = load_slot(c, kWindowSlots - 1, back, chunk);
      RunningSoftmax pool{last.score, exp(sub(last.score, last.score)), last.kv};
      for (const Index s : c.pl.range(kOpenSlot)) take_slot(pool, load_slot(c, s, front, chunk));
      for (const Index s : c.pl.range(kOpenSlot, kWindowSlots - 1)) {
        take_slot(pool, load_slot(c, s, back, chunk));
      }
      c.pooled_kv(all, {front, chunk}) = div(pool.o, pool.l);
    });
  }
}

// ---- The states after a window has closed

/// Copies the window's slots to the front. The zero that is added makes this kernel a reader of
/// pooled_kv: the runtime orders no write after a read.
void state_shift(const Compressor& c) {
  const Index columns = c.options.tiling.compressor_columns;
  c.pl.at("state_shift", [&] {
    for (const Index s : c.pl.range(kRatio)) {
      for (const Index o : c.pl.range(0, kWidth, columns)) {
        const Tile pooled = c.pooled_kv(all, {o % kHeadDim, columns});
        const Tile zero = sub(pooled, pooled);
        const SlotTiles slot = load_slot(c, kOpenSlot + s, o, columns);
        const Tile kv = add(slot.kv, zero);
        const Tile score = add(slot.score, zero);
        store_slot(c, s, o, columns, {kv, score});
      }
    }
  });
}

/// The tokens that open the next window. Its zero comes from slot 3, which state_shift wrote last.
void state_scatter_next(const Compressor& c) {
  const Index columns = c.options.tiling.compressor_columns;
  c.pl.at("state_scatter_next", [&] {
    for (const Index s : c.pl.range(c.step.pre_tokens, c.shape.tokens_each)) {
      const Index row = slot_row(c, s);
      for (const Index o : c.pl.range(0, kWidth, columns)) {
        const SlotTiles token = load_token(c, s, o);
        const Tile shifted = c.kv_state_flat(all, {3 * kWidth + o, columns});
        const Tile again = c.kv_state_flat(all, {3 * kWidth + o, columns});
        const Tile zero = sub(shifted, again);
        const Tile kv = add(token.kv, zero);
        const Tile score = biased(c, add(token.score, zero), row, o);
        store_slot(c, kOpenSlot + row, o, columns, {kv, score});
      }
    }
  });
}

/// Copies the step's tokens of the closed window to the front once more. A token whose slot the
/// next window has taken is left out: only with S > 4, where the seed would copy the wrong one.
void state_shift_boundary(const Compressor& c) {
  const Index first = std::max<Index>(0, c.shape.tokens_each - kRatio);
  if (first >= c.step.pre_tokens) return;
  c.pl.at("state_shift_boundary", [&] {
    for (const Index i : c.pl.range(first, c.step.pre_tokens)) {
      const Index row = slot_row(c, i);
      store_slot(c, row, 0, kWidth, load_slot(c, kOpenSlot + row, 0, kWidth));
    }
  });
}

Step step_of(Program& pl, const ProgramShape& shape) {
  Step step{};
  step.ape_row = pl.mod(shape.start_pos, kRatio);
  step.pre_tokens = kRatio - step.ape_row;
  step.scatter_stop = shape.tokens_each;
  if (step.pre_tokens < shape.tokens_each) step.scatter_stop = step.pre_tokens;
  step.closes = step.ape_row + shape.tokens_each >= kRatio;
  step.cache_col = pl.floor_div(shape.start_pos, kRatio);
  return step;
}

Compressor prepare(Program& pl, const ProgramShape& shape, const ProgramOptions& options,
                   const CompressorTensors& in) {
  const Index sequences = shape.sequences;
  const Index tokens = shape.tokens();
  const Shape state{sequences, kWindowSlots * kWidth};
  const Shape scratch{sequences, shape.tokens_each, kWidth};
  const auto create = [&](const char* name, Index rows, Index columns, DType dtype) {
    return Tensor(pl.create_tensor(name, {rows, columns}, dtype));
  };
  Compressor c{.pl = pl,
               .shape = shape,
               .options = options,
               .in = in,
               .step = step_of(pl, shape),
               .x_flat = reshape(in.x, {tokens, shape.hidden}),
               .kv_flat = reshape(in.kv, {tokens, kHeadDim}),
               .kv_cache_flat = reshape(in.kv_cache, {sequences * shape.cache_rows, kHeadDim}),
               .kv_state_flat = reshape(in.kv_state, state),
               .score_state_flat = reshape(in.score_state, state),
               .norm_w = reshape(in.norm_w, {1, kHeadDim}),
               .kv_proj = create("idx_cmp_kv_proj_scratch", tokens, kWidth, DType::f32),
               .score_proj = create("idx_cmp_score_proj_scratch", tokens, kWidth, DType::f32),
               .kv_proj3 = {},
               .score_proj3 = {},
               .pooled_kv = create("pooled_kv", sequences, kHeadDim, DType::f32),
               .normed_kv = create("normed_kv", sequences, kHeadDim, DType::bf16),
               .kv_final = create("kv_final", sequences, kHeadDim, DType::f32)};
  c.kv_proj3 = reshape(c.kv_proj, scratch);
  c.score_proj3 = reshape(c.score_proj, scratch);
  return c;
}

}  // namespace
}  // namespace compressor

void indexer_compressor(Program& pl, const ProgramShape& shape, const ProgramOptions& options,
                        const CompressorTensors& tensors) {
  const compressor::Compressor c = compressor::prepare(pl, shape, options, tensors);
  compressor::projection_loop(c);
  if (c.step.closes) {
    compressor::softmax_pool(c);
    compressor::state_shift(c);
    compressor::key_row(c);
    if (c.step.pre_tokens < shape.tokens_each) compressor::state_scatter_next(c);
    compressor::state_shift_boundary(c);
  }
}

}  // namespace fulgurite::programs
