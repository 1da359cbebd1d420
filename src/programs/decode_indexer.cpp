#include "programs/decode_indexer.hpp"

#include <cmath>

#include "programs/indexer_compressor.hpp"
#include "programs/query.hpp"
#include "programs/score.hpp"
#include "programs/topk.hpp"

namespace fulgurite::programs {

using namespace tile;

namespace {

/// 128^-0.5 * H^-0.5, rounded once.
double weight_factor(const ProgramShape& shape) {
  return 1.0 / std::sqrt(static_cast<double>(shape.features()));
}

/// Stage `weights`: x times weights_proj, scaled. Both results pass by name.
Tensor head_weights(Program& pl, const ProgramShape& shape, const ProgramOptions& options,
                    const IndexerTensors& in) {
  const Index step = options.tiling.weights_k_step;
  const Tensor x_flat = reshape(in.x, {shape.tokens(), shape.hidden});
  const Tensor weights_acc = pl.at("weights_proj", [&] {
    Tile acc;
    for (const Index k : pl.pipeline(0, shape.hidden, step, {.stage = options.tiling.stage})) {
      const Tile a = x_flat(all, {k, step});
      const Tile b = in.weights_proj({k, step}, all);
      acc = k == 0 ? matmul(a, b, {.out_dtype = DType::f32}) : matmul_acc(acc, a, b);
    }
    return keep("weights_acc", acc);
  });
  return pl.at("weights_write",
               [&] { return keep("weights", mul(weights_acc, weight_factor(shape))); });
}

VisibleRows visible_rows(Program& pl, const ProgramShape& shape, Index cache_tile) {
  const Index cache_len = pl.floor_div(shape.start_pos + shape.tokens_each, kRatio);
  return {cache_len, pl.floor_div(cache_len + cache_tile - 1, cache_tile)};
}

void compress(Program& pl, const ProgramShape& shape, const ProgramOptions& options,
              const IndexerTensors& in) {
  pl.call("compressor", [&] {
    indexer_compressor(pl, shape, options,
                       {.x = in.x,
                        .kv = in.inner_kv,
                        .kv_state = in.inner_kv_state,
                        .score_state = in.inner_score_state,
                        .wkv = in.inner_wkv,
                        .wgate = in.inner_wgate,
                        .ape = in.inner_ape,
                        .norm_w = in.inner_norm_w,
                        .rope = in.rope,
                        .hadamard = in.hadamard,
                        .kv_cache = in.idx_kv_cache});
  });
}

void indexer(Program& pl, const ProgramShape& shape, const ProgramOptions& options,
             const IndexerTensors& in) {
  const Shape flat{shape.tokens(), shape.cache_rows};
  const QuantizedQuery quantized = query(pl, shape, options,
                                         {.qr = in.qr,
                                          .qr_scale = in.qr_scale,
                                          .wq_b = in.wq_b,
                                          .wq_b_scale = in.wq_b_scale,
                                          .rope = in.rope,
                                          .hadamard = in.hadamard});
  const Tensor weights = head_weights(pl, shape, options, in);
  compress(pl, shape, options, in);
  const VisibleRows visible = visible_rows(pl, shape, options.tiling.cache_tile);
  const Tensor kv_cache_flat =
      reshape(in.idx_kv_cache, {shape.sequences * shape.cache_rows, kHeadDim});
  const Tensor score_flat = reshape(in.score, flat);
  const Tensor topk_idxs_flat = reshape(in.topk_idxs, flat);
  score(pl, shape, options, quantized, weights, kv_cache_flat, score_flat, visible);
  topk(pl, shape, score_flat, topk_idxs_flat, visible.cache_len);
}

}  // namespace

void decode_indexer(Program& pl, const ProgramShape& shape, const ProgramOptions& options,
                    const IndexerTensors& tensors) {
  pl.call("indexer", [&] { indexer(pl, shape, options, tensors); });
}

}  // namespace fulgurite::programs
