#include "programs/score.hpp"

#include <algorithm>
#include <limits>

#include "programs/rows.hpp"

namespace fulgurite::programs {

using namespace tile;

namespace {

constexpr float kLowest = std::numeric_limits<float>::lowest();

/// What the functions of this file share.
struct Score {
  Program& pl;
  const ProgramShape& shape;
  const ProgramOptions& options;
  const QuantizedQuery& query;
  const Tensor& weights;        ///< [T, H] FP32
  const Tensor& kv_cache_flat;  ///< [B*L, 128] BF16
  const Tensor& score_flat;     ///< [T, L] FP32
  Index max_blocks;             ///< cache tiles of a sequence
  Tensor kv_scale;              ///< [B*max_blocks*tile, 1] FP32
  Tensor kv_i8;                 ///< [B*max_blocks*tile, 128] INT8; none if passed by name
  Tensor acc;                   ///< [B*max_blocks*tile, S*H] INT32; none if fused or by name

  [[nodiscard]] Index query_rows() const { return shape.tokens_each * shape.heads; }
};

/// One cache tile of the sequences [bg, bg + batch_group).
struct Block {
  Index bg;
  Index cb;
  Index cache0;     ///< its first row
  Index rows;       ///< the tile, or what the cache has left
  Index valid_len;  ///< of them the visible ones
};

/// Of the tensors of one row for each row of all tiles.
Index first_row(const Score& s, const Block& block, Index b) {
  return (b * s.max_blocks + block.cb) * s.options.tiling.cache_tile;
}

// ---- score_quant

/// The window is loaded twice: once for the scales, once for the codes.
Tensor quantize_keys(const Score& s, const Block& block, Index b) {
  const Index chunk = s.options.tiling.feature_chunk;
  const Index row = b * s.shape.cache_rows + block.cache0;
  const Index target = first_row(s, block, b);
  const auto load = [&](Index h) {
    const Tile keys = s.kv_cache_flat({row, block.rows}, {h, chunk});
    return cast(keys, DType::f32);
  };
  const bool by_name = s.options.score_by_name;
  const RowScales scales = scales_of_rows(s.pl, block.rows, chunk, load);
  Tile tile;
  if (by_name) tile = s.pl.create_tensor("kv_tile_i8", {block.rows, kHeadDim}, DType::i8);
  for (const Index h : s.pl.range(0, kHeadDim, chunk)) {
    const Tile codes = codes_of_rows(load(h), scales.quantize);
    if (by_name) {
      tile(all, {h, chunk}) = codes;
    } else {
      s.kv_i8({target, block.rows}, {h, chunk}) = codes;
    }
  }
  s.kv_scale({target, block.rows}, all) = scales.dequantize;
  return by_name ? keep("kv_tile_i8", tile) : Tensor();
}

Tensor score_quant(const Score& s, const Block& block) {
  const ScopeOptions options =
      s.options.auto_chunk ? ScopeOptions{.optimizations = {auto_chunk}} : ScopeOptions{};
  return s.pl.at("score_quant", options, [&] {
    if (s.options.score_by_name) return quantize_keys(s, block, block.bg);
    for (const Index bi : s.pl.range(s.options.tiling.batch_group)) {
      quantize_keys(s, block, block.bg + bi);
    }
    return Tensor();
  });
}

// ---- score_accum: products

/// Key codes times the query codes of `count` rows from `first` on.
Tile products(const Score& s, const Value& keys, Index first, Index count) {
  const Tile query = s.query.codes({first, count}, all);
  return matmul(keys, query, {.out_dtype = DType::i32, .b_trans = true});
}

Tensor score_accum(const Score& s, const Block& block, const Tensor& kept_keys) {
  return s.pl.at("score_accum", [&] {
    const Index count = s.query_rows();
    if (s.options.score_by_name) {
      return keep("score_acc", products(s, kept_keys, block.bg * count, count));
    }
    for (const Index bi : s.pl.range(s.options.tiling.batch_group)) {
      const Index b = block.bg + bi;
      const Index row = first_row(s, block, b);
      const Tile keys = s.kv_i8({row, block.rows}, all);
      s.acc({row, block.rows}, all) = products(s, keys, b * count, count);
    }
    return Tensor();
  });
}

// ---- score_store

/// FP32 products times the scales of their keys and of their query rows.
Tile dequantize(const Score& s, const Value& acc, const Tile& key_scale, Index first, Index count) {
  const Tile query_scale = reshape(s.query.scale({first, count}, all), {1, count});
  const Tile by_key = row_expand_mul(cast(acc, DType::f32, Round::none), key_scale);
  return col_expand_mul(by_key, query_scale);
}

/// relu, head weights, and the sum over heads of token t.
void store_token(const Score& s, const Block& block, const Tile& products, Index t) {
  const Tile relu = maximum(products, mul(products, 0.0));
  const Tile weights = reshape(s.weights({t, 1}, all), {1, s.shape.heads});
  const Tile sum = row_sum(col_expand_mul(relu, weights));
  const Tile row = set_validshape(reshape(sum, {1, block.rows}), 1, block.valid_len);
  // The padding is minus infinity, but unseen scores are the lowest finite number everywhere.
  s.score_flat({t, 1}, {block.cache0, block.rows}) = maximum(fillpad(row, PadValue::min), kLowest);
}

Tile load_key_scale(const Score& s, const Block& block, Index b) {
  return s.kv_scale({first_row(s, block, b), block.rows}, all);
}

/// A product for each token, so that no accumulator is cut in columns.
void score_tokens(const Score& s, const Block& block, Index b) {
  const Index heads = s.shape.heads;
  const Tile key_scale = load_key_scale(s, block, b);
  const Tile keys = s.kv_i8({first_row(s, block, b), block.rows}, all);
  for (const Index i : s.pl.range(s.shape.tokens_each)) {
    const Index t = b * s.shape.tokens_each + i;
    const Tile acc = products(s, keys, t * heads, heads);
    store_token(s, block, dequantize(s, acc, key_scale, t * heads, heads), t);
  }
}

/// The products of all tokens of a sequence, which another kernel made.
void score_products(const Score& s, const Block& block, Index b, const Tensor& kept_acc) {
  const Index heads = s.shape.heads;
  const Tile key_scale = load_key_scale(s, block, b);
  const Value acc = s.options.score_by_name
                        ? Value(kept_acc)
                        : Value(s.acc({first_row(s, block, b), block.rows}, all));
  const Tile scaled = dequantize(s, acc, key_scale, b * s.query_rows(), s.query_rows());
  for (const Index i : s.pl.range(s.shape.tokens_each)) {
    const Tile own = scaled(all, {i * heads, heads});
    store_token(s, block, own, b * s.shape.tokens_each + i);
  }
}

void score_store(const Score& s, const Block& block, const Tensor& kept_acc) {
  const ScopeOptions options = s.options.fused.score
                                   ? ScopeOptions{.optimizations = {split(s.options.split.score)}}
                                   : ScopeOptions{};
  s.pl.at("score_store", options, [&] {
    const auto store = [&](Index b) {
      if (s.options.fused.score) {
        score_tokens(s, block, b);
      } else {
        score_products(s, block, b, kept_acc);
      }
    };
    if (s.options.score_by_name) return store(block.bg);
    for (const Index bi : s.pl.range(s.options.tiling.batch_group)) store(block.bg + bi);
  });
}

void score_init(const Score& s, Index bg) {
  const Index tokens = s.options.tiling.batch_group * s.shape.tokens_each;
  s.pl.at("score_init", [&] {
    s.score_flat({bg * s.shape.tokens_each, tokens}, all) =
        s.pl.full({tokens, s.shape.cache_rows}, DType::f32, kLowest);
  });
}

void create_tensors(Score& s) {
  const Index rows = s.shape.sequences * s.max_blocks * s.options.tiling.cache_tile;
  if (!s.options.score_by_name) {
    s.kv_i8 = s.pl.create_tensor("kv_tile_i8_g", {rows, kHeadDim}, DType::i8);
  }
  s.kv_scale = s.pl.create_tensor("score_kv_scale", {rows, 1}, DType::f32);
  if (!s.options.score_by_name && !s.options.fused.score) {
    s.acc = s.pl.create_tensor("score_acc_g", {rows, s.query_rows()}, DType::i32);
  }
}

}  // namespace

void score(Program& pl, const ProgramShape& shape, const ProgramOptions& options,
           const QuantizedQuery& query, const Tensor& weights, const Tensor& kv_cache_flat,
           const Tensor& score_flat, const VisibleRows& visible) {
  const Index cache_tile = options.tiling.cache_tile;
  Score s{.pl = pl,
          .shape = shape,
          .options = options,
          .query = query,
          .weights = weights,
          .kv_cache_flat = kv_cache_flat,
          .score_flat = score_flat,
          .max_blocks = (shape.cache_rows + cache_tile - 1) / cache_tile,
          .kv_scale = {},
          .kv_i8 = {},
          .acc = {}};
  create_tensors(s);
  for (const Index bg : pl.parallel(0, shape.sequences, options.tiling.batch_group)) {
    score_init(s, bg);
    for (const Index cb : pl.parallel(visible.cache_blocks)) {
      const Index cache0 = cb * cache_tile;
      const Index rows = std::min(cache_tile, shape.cache_rows - cache0);
      const Block block{bg, cb, cache0, rows, pl.min(rows, visible.cache_len - cache0)};
      const Tensor keys = score_quant(s, block);
      Tensor acc;
      if (!options.fused.score) acc = score_accum(s, block, keys);
      score_store(s, block, acc);
    }
  }
}

}  // namespace fulgurite::programs
