#include "study/kv_product.hpp"

#include "tile/tile.hpp"

namespace fulgurite::study {

using namespace tile;

namespace {

constexpr Index kIterations = 16;
constexpr Index kRows = 128;
constexpr Index kDepth = 128;
constexpr Index kHeads = 64;

}  // namespace

Trace kv_product(Index stage) {
  Program pl(Mode::shape_only);
  const Index all_rows = kIterations * kRows;
  const Tensor keys = pl.input("kv_tile_i8", DType::i8, {all_rows, kDepth}, nullptr);
  const Tensor query = pl.input("qr_hadamard_i8", DType::i8, {kHeads, kDepth}, nullptr);
  const Tensor acc = pl.parameter("score_acc", Mark::out, DType::i32, {all_rows, kHeads}, nullptr);
  pl.at("kv_product", [&] {
    const Tile query_tile = query(all, all);
    const auto multiply = [&](Index row) {
      const Tile key_tile = keys({row, kRows}, all);
      acc({row, kRows}, all) =
          matmul(key_tile, query_tile, {.out_dtype = DType::i32, .b_trans = true});
    };
    if (stage == 1) {
      for (const Index row : pl.range(0, all_rows, kRows)) multiply(row);
    } else {
      for (const Index row : pl.pipeline(0, all_rows, kRows, {.stage = stage})) multiply(row);
    }
  });
  return pl.finish();
}

std::array<KvProductTime, 3> kv_product_times(const npu::Chip& chip, const npu::Rules& rules) {
  std::array<KvProductTime, 3> times{{{1, 0, 10.3}, {2, 0, 7.9}, {3, 0, 8.3}}};
  for (KvProductTime& time : times) {
    const Trace trace = kv_product(time.stage);
    const npu::KernelMemory memory = npu::plan_memory(trace, TaskId{0}, chip, rules);
    time.us = npu::run_kernel(trace, memory, chip).time.us();
  }
  return times;
}

}  // namespace fulgurite::study
