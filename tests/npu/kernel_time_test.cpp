#include "npu/kernel_time.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "npu/kernels.hpp"
#include "npu/memory.hpp"
#include "npu/op_cost.hpp"
#include "programs/seed_program.hpp"
#include "tile/tile.hpp"

namespace fulgurite::npu {
namespace {

using namespace tile;
using testing::AllOf;
using testing::HasSubstr;

constexpr double kCycleUs = 1.0 / 1850;

KernelRun run_first(const Trace& trace, const Chip& chip = {}) {
  return run_kernel(trace, plan_memory(trace, TaskId{0}, chip, Rules{}), chip);
}

/// The kernel of pull request 741: keys tile by tile against one query.
Trace key_products(Index stage) {
  Program pl(Mode::shape_only);
  const Tensor keys = pl.input("keys", DType::i8, {2048, 128}, nullptr);
  const Tensor query = pl.input("query", DType::i8, {64, 128}, nullptr);
  const Tensor out = pl.parameter("out", Mark::out, DType::i32, {2048, 64}, nullptr);
  pl.at("products", [&] {
    const auto tile = [&](Index row) {
      const Tile k = keys({row, 128}, all);
      out({row, 128}, all) = matmul(k, query, {.out_dtype = DType::i32, .b_trans = true});
    };
    if (stage == 1) {
      for (const Index row : pl.range(0, 2048, 128)) tile(row);
    } else {
      for (const Index row : pl.pipeline(0, 2048, 128, {.stage = stage})) tile(row);
    }
  });
  return pl.trace();
}

TEST(NpuKernelTime, PipeliningKeyProductsLeavesTheStores) {
  const double load = 16384 / 78.4;
  const double product = (16384 / 129.7 + 8192 / 85.4) + (21 + 8 * 4 * 4);
  const double store = 32768 / 40.6;
  const double query = 8192 / 78.4;
  const KernelRun serial = run_first(key_products(1));
  const KernelRun pipelined = run_first(key_products(2));
  EXPECT_NEAR(serial.time.us(), (query + load + 200 + 16 * (product + store)) * kCycleUs, 1e-9);
  EXPECT_NEAR(pipelined.time.us(), (query + load + 200 + product + 16 * store) * kCycleUs, 1e-9);
  EXPECT_NEAR(run_first(key_products(3)).time.us(), pipelined.time.us(), 1e-9);
  const double ratio = pipelined.time.us() / serial.time.us();
  EXPECT_GT(ratio, 0.66);  // published: 7.9 us of 10.3
  EXPECT_LT(ratio, 0.86);
}

TEST(NpuKernelTime, CountsWhatEachPipeDoes) {
  const KernelRun run = run_first(key_products(1));
  const auto busy = [&](Pipe pipe) { return run.time.busy_us[static_cast<std::size_t>(pipe)]; };
  EXPECT_NEAR(busy(Pipe::mte2), (8192 + 16 * 16384) / 78.4 * kCycleUs, 1e-9);
  EXPECT_NEAR(busy(Pipe::mte1), 16 * (16384 / 129.7 + 8192 / 85.4) * kCycleUs, 1e-9);
  EXPECT_NEAR(busy(Pipe::cube), 16 * (21 + 8 * 4 * 4) * kCycleUs, 1e-9);
  EXPECT_NEAR(busy(Pipe::fixpipe), 16 * 32768 / 40.6 * kCycleUs, 1e-9);
  EXPECT_EQ(busy(Pipe::vector), 0);
  EXPECT_EQ(run.time.gm_bytes, 8192 + 16 * (16384 + 32768));
}

TEST(NpuKernelTime, VectorKernelRunsLoadComputeStore) {
  Program pl(Mode::shape_only);
  const Tensor x = pl.input("x", DType::f32, {16, 64}, nullptr);
  const Tensor out = pl.parameter("out", Mark::out, DType::f32, {16, 64}, nullptr);
  pl.at("scale", [&] {
    const Tile tile = x(all, all);
    out(all, all) = add(mul(tile, 2.0), tile);
  });
  const KernelRun run = run_first(pl.trace());
  const double cycles = (200 + 4096 / 58.6) + (16 + 26) + (2.11 * 16 + 24) + (200 + 4096 / 109.4);
  EXPECT_NEAR(run.time.vector_us, cycles * kCycleUs, 1e-9);
  EXPECT_EQ(run.time.cube_us, 0);
}

/// The vector kernel above, 8 times in a loop of that kind.
double loop_us(bool is_pipeline) {
  Program pl(Mode::shape_only);
  const Tensor x = pl.input("x", DType::f32, {128, 64}, nullptr);
  const Tensor out = pl.parameter("out", Mark::out, DType::f32, {128, 64}, nullptr);
  pl.at("scale", [&] {
    const auto scale = [&](Index row) {
      const Tile tile = x({row, 16}, all);
      out({row, 16}, all) = add(mul(tile, 2.0), tile);
    };
    if (is_pipeline) {
      for (const Index row : pl.pipeline(0, 128, 16, {.stage = 2})) scale(row);
    } else {
      for (const Index row : pl.range(0, 128, 16)) scale(row);
    }
  });
  return run_first(pl.trace()).time.us();
}

TEST(NpuKernelTime, IterationsOfAPlainVectorLoopDoNotOverlap) {
  const double cycles = (200 + 4096 / 58.6) + (16 + 26) + (2.11 * 16 + 24) + (200 + 4096 / 109.4);
  EXPECT_NEAR(loop_us(false), 8 * cycles * kCycleUs, 1e-9);
  EXPECT_LT(loop_us(true), 0.5 * loop_us(false));
}

TEST(NpuKernelTime, ShortRowsCostWholeLinesOfTheDie) {
  Program pl(Mode::shape_only);
  const Tensor x = pl.input("x", DType::f32, {16, 256}, nullptr);
  const Tensor out = pl.parameter("out", Mark::out, DType::f32, {16, 32}, nullptr);
  pl.at("copy", [&] {
    const Tile tile = x(all, {0, 32});
    out(all, all) = tile;
  });
  EXPECT_EQ(run_first(pl.trace()).time.gm_bytes, 16 * 512 + 2048);
}

/// A product whose chunks cross to the vector cores.
Trace crossing(SplitMode mode) {
  Program pl(Mode::shape_only);
  const Tensor a = pl.input("a", DType::bf16, {64, 64}, nullptr);
  const Tensor b = pl.input("b", DType::bf16, {64, 64}, nullptr);
  const Tensor out = pl.parameter("out", Mark::out, DType::bf16, {64, 64}, nullptr);
  pl.at("mixed", {.optimizations = {split(mode)}}, [&] {
    const Tile acc = matmul(a, b, {.out_dtype = DType::f32});
    out(all, all) = cast(acc, DType::bf16, Round::rint);
  });
  return pl.trace();
}

TEST(NpuKernelTime, CubeAndVectorSideMeetInTheRing) {
  const double cube = (200 + 2 * 8192 / 78.4) + (8192 / 129.7 + 8192 / 85.4) + (21 + 4 * 4 * 4);
  const double push = std::max(164 + 64 * 4.45, 16384 / 40.6);
  const auto vector = [](double lanes) {
    return (200 + 16384 / lanes / 58.6) + (2 * 64 / lanes + 32) + (200 + 8192 / lanes / 109.4);
  };
  const KernelRun none = run_first(crossing(SplitMode::none));
  EXPECT_NEAR(none.time.cube_us, (cube + push) * kCycleUs, 1e-9);
  EXPECT_NEAR(none.time.vector_us, (cube + push + vector(1)) * kCycleUs, 1e-9);
  const KernelRun halves = run_first(crossing(SplitMode::up_down));
  EXPECT_NEAR(halves.time.vector_us, (cube + push + vector(2)) * kCycleUs, 1e-9);
  EXPECT_EQ(halves.time.gm_bytes, none.time.gm_bytes);
}

TEST(NpuKernelTime, OneSlotDeadlocksWhereTwoTilesAreNeededAtOnce) {
  const Trace trace = programs::trace(programs::ProgramShape{}, programs::Form::rope_slice);
  for (const Kernel& kernel : distinct_kernels(trace).kernels) {
    if (full_name(trace, trace[kernel.task].scope) != "indexer/rope_slice") continue;
    Chip chip;
    chip.ring_slots = 1;
    const KernelRun one = run_kernel(trace, plan_memory(trace, kernel.task, chip, Rules{}), chip);
    EXPECT_THAT(one.deadlock,
                AllOf(HasSubstr("the cube side for a free slot for"),
                      HasSubstr("the vector side for the tile"), HasSubstr("the ring has 1 slot")));
    chip.ring_slots = 2;
    const KernelRun two = run_kernel(trace, plan_memory(trace, kernel.task, chip, Rules{}), chip);
    EXPECT_EQ(two.deadlock, "");
    chip.ring_slots = 8;
    const KernelRun eight = run_kernel(trace, plan_memory(trace, kernel.task, chip, Rules{}), chip);
    EXPECT_LE(eight.time.us(), two.time.us());
  }
}

TEST(NpuKernels, TasksThatDoTheSameAreOneKernel) {
  const Trace trace = programs::trace(programs::ProgramShape{}, programs::Form::merged);
  const Kernels kernels = distinct_kernels(trace);
  std::int64_t tasks = 0;
  for (const Kernel& kernel : kernels.kernels) tasks += kernel.tasks;
  EXPECT_EQ(tasks, 349);
  EXPECT_EQ(kernels.kernel_of.size(), 349);
  EXPECT_LE(kernels.kernels.size(), 30);
}

}  // namespace
}  // namespace fulgurite::npu
