#include <algorithm>

#include "fixture.hpp"

namespace fulgurite::tile {
namespace {

// The example of docs/tile-language.md.

struct Layer {
  Index rows;     // M
  Index depth;    // K
  Index columns;  // N
  Index row_chunk;
  SplitMode split_mode;
};

/// out [M,N] BF16 = relu(x [M,K] * w [K,N]) * scale [N], both factors INT8.
void fused_layer(Program& pl, const Layer& layer, const Tensor& x, const Tensor& w,
                 const Tensor& scale, const Tensor& out) {
  for (const Index o : pl.parallel(0, layer.columns, 128)) {
    pl.at("fused_layer", {.optimizations = {split(layer.split_mode)}}, [&] {
      Tile acc;
      for (const Index k : pl.pipeline(0, layer.depth, 64, {.stage = 2})) {
        const Tile a = x(all, {k, 64});
        const Tile b = w({k, 64}, {o, 128});
        acc = k == 0 ? matmul(a, b, {.out_dtype = DType::i32}) : matmul_acc(acc, a, b);
      }
      const Tile factor = reshape(scale({o, 128}), {1, 128});
      for (const Index r : pl.range(0, layer.rows, layer.row_chunk)) {
        const Tile part = cast(acc({r, layer.row_chunk}, all), DType::f32, Round::none);
        const Tile scaled = col_expand_mul(maximum(part, 0.0), factor);
        out({r, layer.row_chunk}, {o, 128}) = cast(scaled, DType::bf16, Round::rint);
      }
    });
  }
}

std::vector<Bf16> run(const Layer& layer, Trace& trace) {
  std::vector<std::int8_t> x(static_cast<std::size_t>(layer.rows * layer.depth));
  std::vector<std::int8_t> w(static_cast<std::size_t>(layer.depth * layer.columns));
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<std::int8_t>(i * 37 % 201 - 100);
  for (std::size_t i = 0; i < w.size(); ++i) w[i] = static_cast<std::int8_t>(i * 53 % 199 - 99);
  const std::vector<float> scale(static_cast<std::size_t>(layer.columns), 0.01F);
  std::vector<Bf16> out(static_cast<std::size_t>(layer.rows * layer.columns));

  Program pl;
  fused_layer(pl, layer, pl.input("x", DType::i8, {layer.rows, layer.depth}, x.data()),
              pl.input("w", DType::i8, {layer.depth, layer.columns}, w.data()),
              pl.input("scale", DType::f32, {layer.columns}, scale.data()),
              pl.parameter("out", Mark::out, DType::bf16, {layer.rows, layer.columns}, out.data()));
  trace = pl.finish();
  return out;
}

TEST(FusedLayer, ComputesTheFormula) {
  const Layer layer{32, 128, 256, 16, SplitMode::up_down};
  Trace trace;
  const std::vector<Bf16> out = run(layer, trace);
  for (Index row = 0; row < layer.rows; ++row) {
    for (Index col = 0; col < layer.columns; ++col) {
      std::int32_t sum = 0;
      for (Index k = 0; k < layer.depth; ++k) {
        const Index i = row * layer.depth + k;
        const Index j = k * layer.columns + col;
        sum += static_cast<std::int32_t>(i * 37 % 201 - 100) *
               static_cast<std::int32_t>(j * 53 % 199 - 99);
      }
      const float relu = static_cast<float>(std::max(sum, 0));
      ASSERT_EQ(out[static_cast<std::size_t>(row * layer.columns + col)], to_bf16(relu * 0.01F));
    }
  }
  EXPECT_EQ(trace.tasks.size(), 2U);
  EXPECT_EQ(trace.tasks[0].kind, TaskKind::mixed);
  EXPECT_TRUE(trace.findings.empty());
}

TEST(FusedLayer, IsTheSameForEveryChunkOfRows) {
  Trace trace;
  const std::vector<Bf16> whole = run({32, 128, 256, 32, SplitMode::none}, trace);
  for (const Index chunk : {8, 16}) {
    EXPECT_EQ(run({32, 128, 256, chunk, SplitMode::up_down}, trace), whole);
  }
}

}  // namespace
}  // namespace fulgurite::tile
