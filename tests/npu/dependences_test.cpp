#include "npu/dependences.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "edges.hpp"

namespace fulgurite::npu {
namespace {

using namespace tile;
using testing::ElementsAre;
using testing::IsEmpty;

class NpuDependences : public testing::Test {
 protected:
  Tensor tensor(const char* name, const Shape& shape = {64, 64}, Mark mark = Mark::unmarked) {
    return pl.parameter(name, mark, DType::f32, shape, nullptr);
  }
  Tile ones(Index rows = 16, Index cols = 64) { return pl.full({rows, cols}, DType::f32, 1); }
  /// A task that stores one window of rows.
  TaskId write(const Tensor& x, Index row, Index rows = 16, const char* scope = "write") {
    return pl.at(scope, [&] { x({row, rows}, all) = ones(rows, x.shape()[1]); });
  }
  /// A task that reads one window of rows, and writes nothing.
  TaskId read_rows(const Tensor& x, Index row, Index rows = 16, const char* scope = "read") {
    return pl.at(scope, [&] { exp(x({row, rows}, all)); });
  }
  std::vector<std::string> edges(WindowPolicy policy = WindowPolicy::off) {
    return edges_of(pl.trace(), policy);
  }

  Program pl{Mode::shape_only};
};

TEST_F(NpuDependences, AReaderWaitsForTheWholeTensorsWriters) {
  const Tensor x = tensor("x");
  write(x, 0);
  read_rows(x, 32);
  EXPECT_THAT(edges(), ElementsAre("0 -> 1 read x"));
}

TEST_F(NpuDependences, ASliceThatTheOrchestratorTakesIsPrecise) {
  const Tensor x = tensor("x");
  const Tensor upper = x({0, 32}, all);
  const Tensor lower = x({32, 32}, all);
  write(upper, 0);
  read_rows(lower, 0);
  read_rows(upper, 16);
  EXPECT_THAT(edges(), ElementsAre("0 -> 2 read x"));
}

TEST_F(NpuDependences, AReshapeConflictsWhereTheBytesMeet) {
  const Tensor x = tensor("x");
  const Tensor left = x(all, {0, 32});
  const Tensor flat = reshape(x, {64 * 64});
  const Tensor second_row_right = flat({64 + 32, 32});
  pl.at("write", [&] { left(all, all) = ones(64, 32); });
  pl.at("read", [&] { exp(reshape(second_row_right(all), {1, 32})); });
  EXPECT_THAT(edges(), ElementsAre("0 -> 1 read x")) << "they share no element";
}

TEST_F(NpuDependences, TwoWritersOfOneTensorHaveNoEdge) {
  const Tensor x = tensor("x");
  for (const Index i : pl.parallel(0, 64, 16)) write(x, i);
  EXPECT_THAT(edges(), IsEmpty());
}

TEST_F(NpuDependences, AWriteAfterAReadIsNotTracked) {
  const Tensor x = tensor("x");
  read_rows(x, 0);
  write(x, 0);
  EXPECT_THAT(edges(), IsEmpty());
}

TEST_F(NpuDependences, SequentialLoopsMakeWritersWait) {
  const Tensor x = tensor("x");
  for (const Index i : pl.range(0, 48, 16)) write(x, i);
  EXPECT_THAT(edges(), ElementsAre("0 -> 1 write x", "1 -> 2 write x"));
}

TEST_F(NpuDependences, AnEarlierStatementOfTheSameLevelMakesAWriterWait) {
  const Tensor x = tensor("x");
  for (const Index i : pl.parallel(0, 32, 16)) {
    write(x, i, 16, "first");
    write(x, i, 16, "second");
  }
  EXPECT_THAT(edges(), ElementsAre("0 -> 1 write x", "1 -> 3 write x", "2 -> 3 write x"))
      << "1 drops 0; 2 looks nothing up";
}

TEST_F(NpuDependences, ALoopIsEnteredWithWhatWasWrittenBeforeIt) {
  const Tensor x = tensor("x");
  for (const Index i : pl.parallel(0, 16, 16)) write(x, i, 16, "init");
  for (const Index i : pl.parallel(0, 32, 16)) write(x, i, 16, "store");
  EXPECT_THAT(edges(), ElementsAre("0 -> 1 write x", "1 -> 2 write x"));
}

TEST_F(NpuDependences, AnInnerLoopsWritesCountAfterItButNotInItsOtherIterations) {
  const Tensor x = tensor("x");
  const Tensor y = tensor("y");
  for (const Index i : pl.parallel(1)) {
    for (const Index j : pl.parallel(0, 32, 16)) write(x, i + j, 16, "inner");
    for (const Index j : pl.parallel(0, 32, 16)) write(y, i + j, 16, "other");
    write(x, 0, 16, "after");
  }
  EXPECT_THAT(edges(), ElementsAre("0 -> 4 write x", "1 -> 4 write x"));
}

TEST_F(NpuDependences, AParameterMarkedInoutIsAlwaysWaitedFor) {
  const Tensor x = tensor("x", {64, 64}, Mark::inout);
  for (const Index i : pl.parallel(0, 32, 16)) write(x, i);
  EXPECT_THAT(edges(), ElementsAre("0 -> 1 write x"));
}

TEST_F(NpuDependences, WhatIsReadAndWrittenIsWaitedFor) {
  const Tensor x = tensor("x");
  for (const Index i : pl.parallel(0, 32, 16)) {
    pl.at("update", [&] { x({i, 16}, all) = neg(x({i, 16}, all)); });
  }
  EXPECT_THAT(edges(), ElementsAre("0 -> 1 read x"));
}

TEST_F(NpuDependences, AnInoutDropsTheWritersThatItCovers) {
  const Tensor x = tensor("x");
  const Tensor upper = x({0, 32}, all);
  write(x, 0, 16, "all");
  write(upper, 0, 16, "upper");
  read_rows(x, 0);
  write(x, 0, 16, "all_again");
  read_rows(x, 0);
  EXPECT_THAT(edges(), ElementsAre("0 -> 1 write x", "0 -> 2 read x", "1 -> 2 read x",
                                   "0 -> 3 write x", "1 -> 3 write x", "3 -> 4 read x"));
}

TEST_F(NpuDependences, AskedEdgesComeWithThePairsOthers) {
  const Tensor x = tensor("x");
  const TaskId first = write(x, 0);
  pl.at("read", {.deps = {first}}, [&] { exp(x({0, 16}, all)); });
  EXPECT_THAT(edges(), ElementsAre("0 -> 1 asked", "0 -> 1 read x"));
}

TEST_F(NpuDependences, AKeptValueIsATensorLikeOthers) {
  const Tensor kept = pl.at("make", [&] { return keep("kept", ones()); });
  pl.at("use", [&] { exp(kept); });
  EXPECT_THAT(edges(), ElementsAre("0 -> 1 read kept"));
}

TEST_F(NpuDependences, OneEdgeAPairAndTensor) {
  const Tensor x = tensor("x");
  const Tensor y = tensor("y");
  pl.at("write", [&] {
    x({0, 16}, all) = ones();
    y({0, 16}, all) = ones();
  });
  pl.at("read", [&] { add(add(x({0, 16}, all), x({16, 16}, all)), y({0, 16}, all)); });
  EXPECT_THAT(edges(), ElementsAre("0 -> 1 read x", "0 -> 1 read y"));
}

TEST_F(NpuDependences, EdgesHoldTheRegionsThatTheRuntimeSaw) {
  const Tensor x = tensor("x");
  const Tensor upper = x({0, 32}, all);
  write(upper, 16);
  read_rows(x, 0);
  const std::vector<Edge> edges = dependences(pl.trace(), WindowPolicy::off);
  ASSERT_EQ(edges.size(), 1U);
  EXPECT_EQ(edges[0].producer.extent, (Shape{32, 64}));
  EXPECT_EQ(edges[0].consumer.extent, (Shape{64, 64}));
}

// ---- Window policies: the parallel writers of rows, then one InOut writer of other rows.

TEST_F(NpuDependences, MayNarrowsAnOutputThatNobodyReadsWhole) {
  const Tensor x = tensor("x");
  for (const Index i : pl.parallel(0, 32, 16)) {
    pl.at("rows", [&] {
      x({i, 16}, all) = ones();
      x({i, 16}, {0, 32}) = ones(16, 32);
    });
  }
  write(x, 48, 16, "later");
  EXPECT_THAT(edges(WindowPolicy::may), IsEmpty());
  EXPECT_THAT(edges(WindowPolicy::june), IsEmpty());
  EXPECT_THAT(edges(WindowPolicy::off), ElementsAre("0 -> 2 write x", "1 -> 2 write x"));
}

TEST_F(NpuDependences, MayKeepsAnOutputThatIsReadWholeLater) {
  const Tensor x = tensor("x");
  for (const Index i : pl.parallel(0, 32, 16)) write(x, i, 16, "rows");
  write(x, 48, 16, "later");
  read_rows(x, 0);
  EXPECT_THAT(edges(WindowPolicy::may),
              ElementsAre("0 -> 2 write x", "1 -> 2 write x", "2 -> 3 read x"));
  EXPECT_THAT(edges(WindowPolicy::june), ElementsAre("0 -> 3 read x"))
      << "June narrows the reader, too, and has no guard";
}

TEST_F(NpuDependences, MayNarrowsNothingUnlessAllOutputsHaveOneWindow) {
  const Tensor x = tensor("x");
  const Tensor y = tensor("y");
  pl.at("rows", [&] {
    x({0, 16}, all) = ones();
    y({0, 16}, all) = ones();
    y({32, 16}, all) = ones();
  });
  write(x, 48, 16, "later");
  EXPECT_THAT(edges(WindowPolicy::may), ElementsAre("0 -> 1 write x"));
  EXPECT_THAT(edges(WindowPolicy::june), IsEmpty());
}

TEST_F(NpuDependences, ALoopOfStoresThatTilesABoxIsOneWindow) {
  const Tensor x = tensor("x");
  pl.at("rows", [&] {
    for (const Index r : pl.range(0, 32, 16)) x({r, 16}, all) = ones();
  });
  write(x, 32, 16, "later");
  EXPECT_THAT(edges(WindowPolicy::may), IsEmpty());
}

}  // namespace
}  // namespace fulgurite::npu
