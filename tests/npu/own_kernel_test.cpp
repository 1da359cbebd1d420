#include <gtest/gtest.h>

#include <iostream>

#include "npu/analysis.hpp"
#include "tile/tile.hpp"

namespace fulgurite::npu {
namespace {

using namespace tile;

/// out [64,128] BF16 = a [64,256] * b [256,128], rounded by the vector cores: a kernel of one's
/// own, as docs/npu-model.md looks at it.
void product(Program& pl, const Tensor& a, const Tensor& b, const Tensor& out) {
  pl.at("product", {.optimizations = {split(SplitMode::up_down)}}, [&] {
    Tile acc;
    for (const Index k : pl.pipeline(0, 256, 64, {.stage = 2})) {
      const Tile x = a(all, {k, 64});
      const Tile y = b({k, 64}, all);
      acc = k == 0 ? matmul(x, y, {.out_dtype = DType::f32}) : matmul_acc(acc, x, y);
    }
    for (const Index row : pl.range(0, 64, 16)) {
      out({row, 16}, all) = cast(acc({row, 16}, all), DType::bf16, Round::rint);
    }
  });
}

TEST(OwnKernel, FitsAndHasNoFindingsButShortRows) {
  Program pl(Mode::shape_only);
  product(pl, pl.input("a", DType::bf16, {64, 256}, nullptr),
          pl.input("b", DType::bf16, {256, 128}, nullptr),
          pl.parameter("out", Mark::out, DType::bf16, {64, 128}, nullptr));
  const Trace trace = pl.finish();
  const Analysis analysis = analyse(trace, Chip{}, Rules{});
  for (const Finding& finding : analysis.findings) std::cout << finding.message << '\n';
  const SpacePlan* const vec = analysis.memory[0].space(Space::vec);
  std::cout << vec->used_bytes << " of " << vec->limit_bytes << " bytes\n";
  std::cout << analysis.runs[0].time.us() << " us a task\n";
  std::cout << analysis.schedule.makespan_us << " us\n";

  for (const Finding& finding : analysis.findings) {
    EXPECT_EQ(finding.kind, FindingKind::short_dma) << finding.message;
  }
  EXPECT_TRUE(vec->fits());
  EXPECT_GT(analysis.schedule.makespan_us, analysis.runs[0].time.us());
}

}  // namespace
}  // namespace fulgurite::npu
