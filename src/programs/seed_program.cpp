#include "programs/seed_program.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "fulgurite/error.hpp"
#include "programs/decode_indexer.hpp"
#include "programs/indexer_compressor.hpp"

namespace fulgurite::programs {
namespace {

using tile::DType;
using tile::Mark;
using tile::Program;
using tile::Shape;
using tile::Tensor;

/// Where the parameters lie; all null in a run without numbers.
struct Memory {
  const void* x = nullptr;
  const void* qr = nullptr;
  const void* qr_scale = nullptr;
  const void* wq_b = nullptr;
  const void* wq_b_scale = nullptr;
  const void* weights_proj = nullptr;
  const void* cos = nullptr;
  const void* sin = nullptr;
  const void* even_select = nullptr;
  const void* odd_select = nullptr;
  const void* hadamard = nullptr;
  void* inner_kv = nullptr;
  void* inner_kv_state = nullptr;
  void* inner_score_state = nullptr;
  const void* inner_wkv = nullptr;
  const void* inner_wgate = nullptr;
  const void* inner_ape = nullptr;
  const void* inner_norm_w = nullptr;
  void* idx_kv_cache = nullptr;
  void* score = nullptr;
  void* topk_idxs = nullptr;
};

RopeTables declare_rope(Program& pl, const Memory& at) {
  return {
      .cos = pl.input("cos", DType::f32, {1, kRopePairs}, at.cos),
      .sin = pl.input("sin", DType::f32, {1, kRopePairs}, at.sin),
      .even_select = pl.input("even_select", DType::bf16, {kRopeDim, kRopePairs}, at.even_select),
      .odd_select = pl.input("odd_select", DType::bf16, {kRopeDim, kRopePairs}, at.odd_select)};
}

/// Declares the entry's parameters, in its order: members of a braced list come one after another.
IndexerTensors declare(Program& pl, const ProgramShape& shape, const Memory& at) {
  const Index b = shape.sequences;
  const Index s = shape.tokens_each;
  const Index t = shape.tokens();
  const Index rows = shape.cache_rows;
  const Shape state{b, kWindowSlots, kStateWidth};
  const Shape projection{shape.hidden, kStateWidth};
  const auto written = [&](const char* name, DType dtype, const Shape& extents, void* data) {
    return pl.parameter(name, Mark::unmarked, dtype, extents, data);
  };
  return {
      .x = pl.input("x", DType::bf16, {b, s, shape.hidden}, at.x),
      .qr = pl.input("qr", DType::i8, {t, shape.query_rank}, at.qr),
      .qr_scale = pl.input("qr_scale", DType::f32, {t, 1}, at.qr_scale),
      .wq_b = pl.input("wq_b", DType::i8, {shape.query_rank, shape.features()}, at.wq_b),
      .wq_b_scale = pl.input("wq_b_scale", DType::f32, {shape.features()}, at.wq_b_scale),
      .weights_proj =
          pl.input("weights_proj", DType::bf16, {shape.hidden, shape.heads}, at.weights_proj),
      .rope = declare_rope(pl, at),
      .hadamard = pl.input("hadamard", DType::bf16, {kHeadDim, kHeadDim}, at.hadamard),
      .inner_kv = written("inner_kv", DType::f32, {b, s, kHeadDim}, at.inner_kv),
      .inner_kv_state = written("inner_kv_state", DType::f32, state, at.inner_kv_state),
      .inner_score_state = written("inner_score_state", DType::f32, state, at.inner_score_state),
      .inner_wkv = pl.input("inner_wkv", DType::bf16, projection, at.inner_wkv),
      .inner_wgate = pl.input("inner_wgate", DType::bf16, projection, at.inner_wgate),
      .inner_ape = pl.input("inner_ape", DType::f32, {kRatio, kStateWidth}, at.inner_ape),
      .inner_norm_w = pl.input("inner_norm_w", DType::f32, {kHeadDim}, at.inner_norm_w),
      .idx_kv_cache = pl.parameter("idx_kv_cache", Mark::out, DType::bf16, {b, rows, kHeadDim},
                                   at.idx_kv_cache),
      .score = pl.parameter("score", Mark::out, DType::f32, {b, s, rows}, at.score),
      .topk_idxs = pl.parameter("topk_idxs", Mark::out, DType::i32, {b, s, rows}, at.topk_idxs)};
}

CompressorTensors declare_compressor(Program& pl, const ProgramShape& shape) {
  const Index b = shape.sequences;
  const Shape state{b, kWindowSlots, kStateWidth};
  const Shape projection{shape.hidden, kStateWidth};
  const auto input = [&](const char* name, DType dtype, const Shape& extents) {
    return pl.input(name, dtype, extents, nullptr);
  };
  const auto out = [&](const char* name, DType dtype, const Shape& extents) {
    return pl.parameter(name, Mark::out, dtype, extents, nullptr);
  };
  return {.x = input("x", DType::bf16, {b, shape.tokens_each, shape.hidden}),
          .kv = out("kv", DType::f32, {b, shape.tokens_each, kHeadDim}),
          .kv_state = out("kv_state", DType::f32, state),
          .score_state = out("score_state", DType::f32, state),
          .wkv = input("wkv", DType::bf16, projection),
          .wgate = input("wgate", DType::bf16, projection),
          .ape = input("ape", DType::f32, {kRatio, kStateWidth}),
          .norm_w = input("norm_w", DType::f32, {kHeadDim}),
          .rope = declare_rope(pl, {}),
          .hadamard = input("hadamard", DType::bf16, {kHeadDim, kHeadDim}),
          .kv_cache = out("kv_cache", DType::bf16, {b, shape.cache_rows, kHeadDim})};
}

template <class T, std::size_t Rank>
const void* array(const char* name, const TensorView<const T, Rank>& view) {
  if (view.contiguous()) return view.data();
  throw Error(ErrorKind::unsupported,
              std::string(name) + ": expected a row-major array, found strides");
}

/// Column i has its single 1 in row 2i + parity.
std::vector<Bf16> selection_matrix(Index parity) {
  std::vector<Bf16> matrix(static_cast<std::size_t>(kRopeDim) * kRopePairs);
  for (Index i = 0; i < kRopePairs; ++i) {
    matrix[static_cast<std::size_t>((2 * i + parity) * kRopePairs + i)] = to_bf16(1.F);
  }
  return matrix;
}

Memory memory_of(const SeedInput& input, SeedOutput& output, const std::vector<Bf16>& even,
                 const std::vector<Bf16>& odd) {
  return {.x = array("x", input.x),
          .qr = array("qr", input.qr),
          .qr_scale = array("qr_scale", input.qr_scale),
          .wq_b = array("wq_b", input.wq_b),
          .wq_b_scale = array("wq_b_scale", input.wq_b_scale),
          .weights_proj = array("weights_proj", input.weights_proj),
          .cos = array("cos", input.cos),
          .sin = array("sin", input.sin),
          .even_select = even.data(),
          .odd_select = odd.data(),
          .hadamard = array("hadamard", input.hadamard),
          .inner_kv = output.inner_kv.data(),
          .inner_kv_state = output.inner_kv_state.data(),
          .inner_score_state = output.inner_score_state.data(),
          .inner_wkv = array("inner_wkv", input.inner_wkv),
          .inner_wgate = array("inner_wgate", input.inner_wgate),
          .inner_ape = array("inner_ape", input.inner_ape),
          .inner_norm_w = array("inner_norm_w", input.inner_norm_w),
          .idx_kv_cache = output.idx_kv_cache.data(),
          .score = output.score.data(),
          .topk_idxs = output.topk_idxs.data()};
}

}  // namespace

ProgramShape shape_of(const SeedInput& input) {
  return {.sequences = input.batch(),
          .tokens_each = input.tokens_each(),
          .hidden = input.x.extent(2),
          .query_rank = input.qr.extent(1),
          .heads = input.weights_proj.extent(1),
          .cache_rows = input.cache_rows(),
          .topk = std::min(input.topk, input.cache_rows()),
          .start_pos = input.start_pos,
          .offset = input.offset,
          .rotate = input.inner_rotate};
}

SeedRun run(const SeedInput& input, const ProgramOptions& options) {
  input.validate();
  const ProgramShape shape = shape_of(input);
  shape.validate();
  options.validate(shape);
  // A valid input's matrices are these, or absent.
  const std::vector<Bf16> even = selection_matrix(0);
  const std::vector<Bf16> odd = selection_matrix(1);
  SeedRun run{SeedOutput(input), {}};
  Program pl;
  decode_indexer(pl, shape, options, declare(pl, shape, memory_of(input, run.output, even, odd)));
  run.trace = pl.finish();
  return run;
}

SeedRun run(const SeedInput& input, Form form) {
  input.validate();
  return run(input, options_of(form, shape_of(input)));
}

tile::Trace trace(const ProgramShape& shape, const ProgramOptions& options) {
  shape.validate();
  options.validate(shape);
  Program pl(tile::Mode::shape_only);
  decode_indexer(pl, shape, options, declare(pl, shape, {}));
  return pl.finish();
}

tile::Trace trace(const ProgramShape& shape, Form form) {
  shape.validate();
  return trace(shape, options_of(form, shape));
}

tile::Trace trace_compressor(const ProgramShape& shape, const ProgramOptions& options) {
  shape.validate();
  options.validate(shape);
  Program pl(tile::Mode::shape_only);
  const CompressorTensors tensors = declare_compressor(pl, shape);
  pl.call("compressor", [&] { indexer_compressor(pl, shape, options, tensors); });
  return pl.finish();
}

}  // namespace fulgurite::programs
