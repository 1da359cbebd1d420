#include "npu/hazards.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "findings.hpp"
#include "tile/tile.hpp"

namespace fulgurite::npu {
namespace {

using namespace tile;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class NpuHazards : public testing::Test {
 protected:
  Tensor tensor(const char* name, const Shape& shape = {64, 128}) {
    return pl.parameter(name, Mark::unmarked, DType::f32, shape, nullptr);
  }
  Tile ones(Index rows = 16, Index cols = 128) { return pl.full({rows, cols}, DType::f32, 1); }
  std::vector<std::string> found() { return texts_of(pl.trace()); }

  Program pl{Mode::shape_only};
};

// ---- Serial loops

TEST_F(NpuHazards, TheRopeLoopThatWritesInPlaceIsSerial) {
  const Tensor source = tensor("source");
  const Tensor q = pl.create_tensor("q", {64, 128}, DType::f32);
  for (const Index o : pl.parallel(0, 64, 16)) {
    pl.at("project", [&] { q({o, 16}, all) = neg(source({o, 16}, all)); });
  }
  for (const Index o : pl.parallel(0, 64, 16)) {
    const Tensor rotated =
        pl.at("rope_slice", [&] { return keep("rotated", exp(q({o, 16}, all))); });
    pl.at("rope_write", [&] { q({o, 16}, all) = neg(rotated); });
  }
  EXPECT_THAT(found(), ElementsAre("serial_parallel q rope_write rope_slice 3",
                                   "serial_parallel q rope_write rope_write 3"));
  const Finding finding = hazards_of(pl.trace())[0];
  EXPECT_THAT(finding.message,
              AllOf(HasSubstr("iteration 16 waits for rope_write of iteration 0 through q"),
                    HasSubstr("the earlier task writes q, the later reads q"), HasSubstr("3 edges"),
                    HasSubstr("up to 4 iterations")));
}

TEST_F(NpuHazards, WritingToAnotherTensorFreesTheRopeLoop) {
  const Tensor source = tensor("source");
  const Tensor q = pl.create_tensor("q", {64, 128}, DType::f32);
  const Tensor out = tensor("out");
  for (const Index o : pl.parallel(0, 64, 16)) {
    pl.at("project", [&] { q({o, 16}, all) = neg(source({o, 16}, all)); });
  }
  for (const Index o : pl.parallel(0, 64, 16)) {
    const Tensor rotated =
        pl.at("rope_slice", [&] { return keep("rotated", exp(q({o, 16}, all))); });
    pl.at("rope_write", [&] { out({o, 16}, all) = neg(rotated); });
  }
  EXPECT_THAT(found(), IsEmpty()) << "waiting for all of project is a barrier, no serial loop";
}

/// As the seed's score loop: init and store write one tensor in the body of a parallel loop, the
/// store in a loop of its own.
void score_loop(Program& pl, const Tensor& score) {
  for (const Index group : pl.parallel(0, 64, 32)) {
    pl.at("score_init", [&] { score({group, 32}, all) = pl.full({32, 128}, DType::f32, -1); });
    for (const Index block : pl.parallel(2)) {
      pl.at("score_store",
            [&] { score({group, 32}, {block * 32, 32}) = pl.full({32, 32}, DType::f32, 1); });
    }
  }
}

TEST_F(NpuHazards, StoringOverATensorThatTheBodyInitialisesIsAChain) {
  const Tensor score = tensor("score");
  score_loop(pl, score);
  pl.at("topk", [&] { exp(score({0, 1}, all)); });
  EXPECT_THAT(found(), ElementsAre("serial_parallel score score_store score_store 3"));
  EXPECT_THAT(hazards_of(pl.trace())[0].message, HasSubstr("up to 4 iterations"));
}

TEST_F(NpuHazards, TheCostOfASerialLoopIsThatOfAllItsEdges) {
  score_loop(pl, tensor("score"));
  const std::vector<Edge> edges = dependences(pl.trace(), WindowPolicy::off);
  const std::vector<Finding> findings = hazards(
      pl.trace(), Chip(), {}, edges,
      [](std::span<const Edge> removed) { return 10.0 * static_cast<double>(removed.size()); });
  ASSERT_EQ(findings[0].kind, FindingKind::serial_parallel);
  EXPECT_EQ(findings[0].cost_us, 30);
}

// ---- Undefined data

TEST_F(NpuHazards, AWindowThatNothingHasWrittenIsUndefined) {
  const Tensor scratch = pl.create_tensor("scratch", {64, 128}, DType::f32);
  pl.at("write", [&] { scratch({0, 16}, all) = ones(); });
  pl.at("read", [&] {
    exp(scratch({0, 16}, all));
    exp(scratch({8, 16}, all));
    exp(scratch({16, 1}, all));
  });
  EXPECT_THAT(found(), ElementsAre("undefined_read scratch read 2"));
  EXPECT_THAT(hazards_of(pl.trace())[0].message,
              AllOf(HasSubstr("scratch[8:24, 0:128]"), HasSubstr("1024 of 2048 elements")));
}

TEST_F(NpuHazards, ParametersAreDefinedAndSoIsWhatTwoTasksWriteTogether) {
  const Tensor x = tensor("x");
  const Tensor scratch = pl.create_tensor("scratch", {16, 128}, DType::f32);
  for (const Index i : pl.parallel(2)) {
    pl.at("write", [&] { scratch(all, {i * 64, 64}) = ones(16, 64); });
  }
  pl.at("read", [&] { add(scratch, x({0, 16}, all)); });
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(NpuHazards, UndefinedDataThatReachesAnOutputIsWrong) {
  const Tensor out = tensor("out");
  const Tensor scratch = pl.create_tensor("scratch", {16, 128}, DType::f32);
  pl.at("move", [&] { out({0, 16}, all) = neg(scratch); });
  EXPECT_THAT(found(),
              ElementsAre("undefined_output out move 2048", "undefined_read scratch move 1"));
}

TEST_F(NpuHazards, WhatTheRunNoticedIsReported) {
  const Tensor x = pl.parameter("x", Mark::unmarked, DType::bf16, {16, 16}, nullptr);
  pl.at("both", [&] {
    matmul(x, x, {.out_dtype = DType::f32});
    matmul(x, x, {.out_dtype = DType::f32, .b_trans = true});
    pl.mod(-3, 2);
  });
  EXPECT_THAT(found(), ElementsAre("straight_and_transposed x both 1", "negative_dividend both 1"));
}

// ---- Order

TEST_F(NpuHazards, AreSortedBySeverityThenByLine) {
  const Tensor score = tensor("score");
  const Tensor y = tensor("y");
  score_loop(pl, score);
  pl.at("late", [&] { exp(y({0, 16}, all)); });
  pl.at("later", [&] { y({0, 16}, all) = ones(); });
  pl.at("topk", [&] { exp(score({0, 1}, all)); });
  EXPECT_THAT(found(), ElementsAre("war_race y late later 1",
                                   "serial_parallel score score_store score_store 3"));
}

}  // namespace
}  // namespace fulgurite::npu
