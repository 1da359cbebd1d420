#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "findings.hpp"
#include "npu/checks.hpp"
#include "tile/tile.hpp"

namespace fulgurite::npu {
namespace {

using namespace tile;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// Mixed kernels: the product of `left` and `right`, and what a test makes of it.
class NpuLegality : public testing::Test {
 protected:
  NpuLegality()
      : left(pl.input("left", DType::bf16, {64, 64}, nullptr)),
        right(pl.input("right", DType::bf16, {64, 128}, nullptr)),
        out(pl.parameter("out", Mark::out, DType::f32, {64, 128}, nullptr)) {}

  template <class Body>
  void mixed(SplitMode mode, Body body, Index rows = 64) {
    pl.at("mixed", {.optimizations = {split(mode)}}, [&] {
      body(named("acc", matmul(left({0, rows}, all), right, {.out_dtype = DType::f32})));
    });
  }
  std::vector<std::string> found() { return texts_of(pl.trace()); }
  std::string message() { return hazards_of(pl.trace()).at(0).message; }

  Program pl{Mode::shape_only};
  Tensor left;
  Tensor right;
  Tensor out;
};

TEST_F(NpuLegality, RowwiseWorkInChunksOfRowsMaySplitUpDown) {
  const Tensor scale = pl.input("scale", DType::f32, {128}, nullptr);
  const Tensor row_scale = pl.input("row_scale", DType::f32, {64, 1}, nullptr);
  mixed(SplitMode::up_down, [&](const Tile& acc) {
    const Tile factor = reshape(scale({0, 128}), {1, 128});
    for (const Index r : pl.range(0, 64, 16)) {
      const Tile part = row_expand_mul(acc({r, 16}, all), row_scale({r, 16}, all));
      out({r, 16}, all) = row_expand_mul(col_expand_mul(part, factor), row_max(part));
    }
  });
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(NpuLegality, NoneSplitsNothing) {
  mixed(SplitMode::none, [&](const Tile& acc) {
    const Tile part = acc({0, 64}, {0, 32});
    out({0, 1}, {0, 64}) = reshape(row_max(part), {1, 64});
  });
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(NpuLegality, AReductionAlongTheSplitAxis) {
  mixed(SplitMode::left_right,
        [&](const Tile& acc) { out(all, all) = row_expand_mul(acc, row_sum(acc)); });
  EXPECT_THAT(found(), ElementsAre("split_reduction mixed 1"));
  EXPECT_THAT(message(), AllOf(HasSubstr("row_sum"), HasSubstr("acc FP32 [64, 128]"),
                               HasSubstr("only [64, 64]")));
}

TEST_F(NpuLegality, AReshapeAfterASplitReduction) {
  mixed(SplitMode::up_down, [&](const Tile& acc) {
    const Tile amax = reshape(row_max(acc), {1, 64});
    out(all, all) = row_expand_mul(acc, reshape(amax, {64, 1}));
  });
  EXPECT_THAT(found(), ElementsAre("split_reshape mixed 1"));
  EXPECT_THAT(message(), AllOf(HasSubstr("[64, 1], made by row_max"),
                               HasSubstr("[32, 1] of the one and [1, 64] of the other"),
                               HasSubstr("Also at legality_test.cpp:")));
}

TEST_F(NpuLegality, ReshapesWhoseHalvesAgree) {
  mixed(SplitMode::up_down, [&](const Tile& acc) {
    out(all, all) = reshape(exp(reshape(exp(acc), {128, 64})), {64, 128});
  });
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(NpuLegality, ReshapesMoveColumnsOutOfTheirHalf) {
  mixed(SplitMode::left_right, [&](const Tile& acc) {
    out(all, all) = reshape(exp(reshape(exp(acc), {128, 64})), {64, 128});
  });
  EXPECT_THAT(found(), ElementsAre("split_reshape mixed 1"));
}

TEST_F(NpuLegality, AWindowOfColumnsThatCrossesUnderUpDown) {
  mixed(SplitMode::up_down, [&](const Tile& acc) {
    for (const Index h : pl.range(0, 128, 32)) out(all, {h, 32}) = exp(acc(all, {h, 32}));
  });
  EXPECT_THAT(found(), ElementsAre("split_window acc mixed 1"));
  EXPECT_THAT(message(), HasSubstr("[0, 0] +[64, 32] of acc"));
}

TEST_F(NpuLegality, AWindowOfColumnsOfATileThatIsSplitAlready) {
  mixed(SplitMode::up_down, [&](const Tile& acc) {
    const Tile whole = named("whole", exp(acc));
    out(all, {0, 32}) = exp(whole(all, {32, 32}));
  });
  EXPECT_THAT(found(), ElementsAre("split_window whole mixed 1"));
}

TEST_F(NpuLegality, AWindowOfRowsUnderLeftRight) {
  mixed(SplitMode::left_right, [&](const Tile& acc) {
    out({0, 32}, all) = exp(acc({32, 32}, all));
    out({32, 32}, {0, 64}) = exp(acc({0, 64}, {0, 64}))({0, 32}, all);
  });
  EXPECT_THAT(found(), ElementsAre("split_window acc mixed 1", "split_window mixed 1"));
}

TEST_F(NpuLegality, ASliceThatOnlyTheCubeReadsMayBeCut) {
  mixed(SplitMode::up_down, [&](const Tile& acc) {
    const Tile both = right({0, 64}, all);
    matmul(left, both(all, {0, 32}), {.out_dtype = DType::f32});
    out(all, all) = exp(acc);
  });
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(NpuLegality, AnOddExtentCannotBeHalved) {
  mixed(SplitMode::up_down, [&](const Tile& acc) { out({0, 33}, all) = exp(acc); }, 33);
  EXPECT_THAT(found(), ElementsAre("split_odd acc mixed 1", "split_odd mixed 1"));
}

TEST_F(NpuLegality, AHalfColumnBelow32Bytes) {
  const Tensor scale = pl.input("scale", DType::f32, {64, 1}, nullptr);
  for (const Index rows : {16, 8}) {
    mixed(
        SplitMode::up_down,
        [&](const Tile& acc) { out({0, rows}, all) = row_expand_mul(acc, scale({0, rows}, all)); },
        rows);
  }
  const std::vector<Finding> findings = hazards_of(pl.trace());
  EXPECT_EQ(text(findings[0]), "short_row scale mixed 1") << "8 rows, but not 16";
  EXPECT_THAT(findings[0].message,
              AllOf(HasSubstr("a column of 16 B on each vector core ([4, 1])")));
}

TEST_F(NpuLegality, Int8NeedsThirtyTwoColumns) {
  const Tensor bytes = pl.parameter("bytes", Mark::out, DType::i8, {64, 128}, nullptr);
  const Tensor wide = pl.input("wide", DType::f16, {64, 128}, nullptr);
  pl.at("narrow", [&] { bytes(all, {0, 16}) = cast(wide(all, {0, 16}), DType::i8, Round::trunc); });
  pl.at("enough",
        [&] { bytes(all, {32, 32}) = cast(wide(all, {0, 32}), DType::i8, Round::trunc); });
  EXPECT_THAT(found(), ElementsAre("short_row narrow 1", "short_row bytes narrow 1"));
}

TEST_F(NpuLegality, RowsThatAreNoMultipleOf32Bytes) {
  pl.at("twelve", [&] { out({0, 8}, {0, 12}) = exp(out({8, 8}, {0, 12})); });
  EXPECT_THAT(found(), ElementsAre("short_row out twelve 1", "short_row twelve 1"));
}

TEST_F(NpuLegality, ShortTransfersAreHintsWithTheirOverFetch) {
  pl.at("copy", [&] { out(all, {0, 32}) = exp(out(all, {32, 32})); });
  EXPECT_THAT(found(), IsEmpty());
  const std::vector<Finding> findings = hazards_of(pl.trace());
  EXPECT_THAT(texts(findings), ElementsAre("short_dma out copy 1"));
  EXPECT_THAT(findings[0].message, AllOf(HasSubstr("rows of 128 B"), HasSubstr("4 times")));
}

TEST_F(NpuLegality, ColumnsThatLieSideBySideAreOneTransfer) {
  const Tensor scale = pl.parameter("scale", Mark::out, DType::f32, {64, 1}, nullptr);
  pl.at("column", [&] { scale(all, all) = exp(scale(all, all)); });
  EXPECT_THAT(texts(hazards_of(pl.trace())), IsEmpty());
}

TEST_F(NpuLegality, ProductsOfFewRowsArePadded) {
  pl.at("few",
        [&] { out({0, 8}, all) = matmul(left({0, 8}, all), right, {.out_dtype = DType::f32}); });
  EXPECT_THAT(texts(hazards_of(pl.trace())), ElementsAre("padded_cube few 1"));
}

// ---- Options

TEST_F(NpuLegality, ASplitOfOneSideIsIgnored) {
  for (const Index i : pl.parallel(0, 64, 16)) {
    pl.at("vector_only", {.optimizations = {split(SplitMode::up_down)}},
          [&] { out({i, 16}, all) = pl.full({16, 128}, DType::f32, 1); });
  }
  EXPECT_THAT(found(), ElementsAre("ignored_option vector_only 4"));
  EXPECT_THAT(message(), HasSubstr("split(UP_DOWN) does nothing: the kernel has only a vector"));
}

TEST_F(NpuLegality, ASplitThatHalvesNothingIsIgnored) {
  const Tensor row = pl.input("row", DType::f32, {1, 128}, nullptr);
  pl.at("mixed", {.optimizations = {split(SplitMode::up_down)}}, [&] {
    out({0, 16}, all) = matmul(left({0, 16}, all), right, {.out_dtype = DType::f32});
    out({32, 1}, all) = exp(row);
  });
  EXPECT_THAT(found(), ElementsAre("ignored_option mixed 1"));
}

TEST_F(NpuLegality, AutoChunkWithoutAChunkedLoopIsIgnored) {
  pl.at("chunks", {.optimizations = {auto_chunk}},
        [&] { out(all, all) = pl.full({64, 128}, DType::f32, 1); });
  EXPECT_THAT(found(), ElementsAre("ignored_option chunks 1"));
}

TEST_F(NpuLegality, StagesThatNoIterationFillsAreIgnored) {
  for (const Index stage : {1, 2, 3}) {
    pl.at("deep", [&] {
      for (const Index i : pl.pipeline(0, 32, 16, {.stage = stage})) {
        out({i, 16}, all) = exp(out({i, 16}, all));
      }
    });
  }
  const std::vector<Finding> findings = hazards_of(pl.trace());
  EXPECT_THAT(found(), ElementsAre("ignored_option deep 2"));
  EXPECT_THAT(findings[0].message, HasSubstr("stage = 1 keeps one iteration in flight"));
}

TEST_F(NpuLegality, MoreTasksThanTheRuntimeHolds) {
  Chip chip;
  chip.task_window = 3;
  for (const Index i : pl.parallel(0, 64, 16)) {
    pl.at("rows", [&] { out({i, 16}, all) = pl.full({16, 128}, DType::f32, 1); });
  }
  const std::vector<Finding> findings = find_full_task_ring(pl.trace(), chip);
  EXPECT_THAT(texts(findings), ElementsAre("task_ring rows 4"));
  EXPECT_THAT(findings[0].message, HasSubstr("rows (4)"));
  chip.task_window = 4;
  EXPECT_THAT(find_full_task_ring(pl.trace(), chip), IsEmpty());
}

}  // namespace
}  // namespace fulgurite::npu
