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

class NpuRaces : public testing::Test {
 protected:
  Tensor tensor(const char* name, const Shape& shape = {64, 64}) {
    return pl.parameter(name, Mark::unmarked, DType::f32, shape, nullptr);
  }
  Tile ones(Index rows = 16, Index cols = 64) { return pl.full({rows, cols}, DType::f32, 1); }
  std::vector<std::string> found() { return texts(races()); }
  std::vector<Finding> races() {
    const std::vector<Edge> edges = dependences(pl.trace(), WindowPolicy::off);
    return find_races(pl.trace(), Reachability(pl.trace().tasks.size(), edges));
  }

  Program pl{Mode::shape_only};
};

TEST_F(NpuRaces, IterationsOfAParallelThatWriteOneWindow) {
  const Tensor x = tensor("x");
  for (const Index i : pl.parallel(0, 48, 16)) {
    pl.at("store", [&] { x({i, 17}, all) = ones(17); });
  }
  EXPECT_THAT(found(), ElementsAre("race x store store 2"));
  EXPECT_THAT(races()[0].message,
              AllOf(HasSubstr("store writes x[0:17, 0:64] at races_test.cpp:"),
                    HasSubstr("store writes x[16:33, 0:64]"), HasSubstr("iterations 0 and 16")));
}

TEST_F(NpuRaces, IterationsOfAParallelThatReadWhatAnotherWrites) {
  const Tensor x = tensor("x");
  for (const Index i : pl.parallel(0, 32, 16)) {
    pl.at("shift", [&] { x({i, 16}, all) = neg(x({i + 16, 16}, all)); });
  }
  EXPECT_THAT(found(), ElementsAre("race x shift shift 1"))
      << "although whole tensors make the runtime order them";
}

TEST_F(NpuRaces, DisjointWindowsOfAParallelAreNoRace) {
  const Tensor x = tensor("x");
  const Tensor y = tensor("y");
  for (const Index i : pl.parallel(0, 64, 16)) {
    pl.at("rows", [&] { x({i, 16}, all) = ones(); });
    pl.at("columns", [&] { y(all, {i, 16}) = ones(64, 16); });
  }
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(NpuRaces, ScopesInOneIterationKeepTheirOrder) {
  const Tensor x = tensor("x");
  for (const Index i : pl.parallel(0, 64, 16)) {
    pl.at("write", [&] { x({i, 16}, all) = ones(); });
    pl.at("read", [&] { exp(x({i, 16}, all)); });
  }
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(NpuRaces, AWriteBehindAReadThatNothingOrders) {
  const Tensor x = tensor("x");
  const Tensor y = tensor("y");
  pl.at("read", [&] { y({0, 16}, all) = exp(x({0, 16}, all)); });
  pl.at("write", [&] { x({8, 16}, all) = ones(); });
  EXPECT_THAT(found(), ElementsAre("war_race x read write 1"));
  EXPECT_THAT(races()[0].message, HasSubstr("z = y - y"));
}

TEST_F(NpuRaces, AFakeReadOrdersAWriteBehindTheReader) {
  const Tensor x = tensor("x");
  const Tensor y = tensor("y");
  pl.at("read", [&] { y({0, 16}, all) = exp(x({0, 16}, all)); });
  pl.at("write", [&] {
    const Tile result = y({0, 16}, all);
    x({8, 16}, all) = add(ones(), sub(result, result));
  });
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(NpuRaces, AskedEdgesOrderToo) {
  const Tensor x = tensor("x");
  const TaskId reader = pl.at("read", [&] { exp(x({0, 16}, all)); });
  pl.at("write", {.deps = {reader}}, [&] { x({0, 16}, all) = ones(); });
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(NpuRaces, WindowsThatDoNotMeetNeedNoOrder) {
  const Tensor x = tensor("x");
  pl.at("read", [&] { exp(x({0, 16}, all)); });
  pl.at("write", [&] { x({16, 16}, all) = ones(); });
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(NpuRaces, TwoWritesThatNothingOrders) {
  const Tensor x = tensor("x");
  for (const Index i : pl.parallel(1)) {
    pl.at("first", [&] { x({i, 16}, all) = ones(); });
  }
  const std::vector<Edge> none;
  pl.at("second", [&] { x({8, 16}, all) = ones(); });
  EXPECT_THAT(found(), IsEmpty()) << "R-prior makes the second wait";
  EXPECT_THAT(texts(find_races(pl.trace(), Reachability(2, none))),
              ElementsAre("waw_race x first second 1"));
}

TEST_F(NpuRaces, AReadWithoutItsEdge) {
  const Tensor x = tensor("x");
  pl.at("write", [&] { x({0, 16}, all) = ones(); });
  pl.at("read", [&] { exp(x({0, 8}, all)); });
  EXPECT_THAT(texts(find_races(pl.trace(), Reachability(2, {}))),
              ElementsAre("raw_race x write read 1"));
}

TEST_F(NpuRaces, ThroughOtherViewsWindowsAreComparedElementByElement) {
  const Tensor x = tensor("x");
  const Tensor narrow = reshape(x, {128, 32});
  pl.at("read", [&] { exp(x({0, 16}, {0, 32})); });  // the even rows of `narrow`
  pl.at("odd", [&] { narrow({1, 1}, all) = ones(1, 32); });
  EXPECT_THAT(found(), IsEmpty());
  pl.at("even", [&] { narrow({2, 1}, all) = ones(1, 32); });
  EXPECT_THAT(found(), ElementsAre("war_race x read even 1"));
}

TEST_F(NpuRaces, BlocksOfAnSpmdThatTouchOneWindow) {
  const Tensor x = tensor("x");
  const Tensor y = tensor("y");
  pl.spmd("blocks", 4, {}, [&](Index block) {
    x({block * 8, 16}, all) = ones();
    y({block * 16, 16}, all) = ones();
  });
  EXPECT_THAT(found(), ElementsAre("race x blocks blocks 1"));
  EXPECT_THAT(races()[0].message, HasSubstr("blocks 0 and 1 of one spmd"));
}

TEST_F(NpuRaces, PathsOfSeveralEdgesOrder) {
  const Tensor x = tensor("x");
  const Tensor y = tensor("y");
  const Tensor z = tensor("z");
  pl.at("a", [&] { y({0, 16}, all) = exp(x({0, 16}, all)); });
  pl.at("b", [&] { z({0, 16}, all) = exp(y({0, 16}, all)); });
  pl.at("c", [&] {
    exp(z({0, 16}, all));
    x({0, 16}, all) = ones();
  });
  EXPECT_THAT(found(), IsEmpty());
}

}  // namespace
}  // namespace fulgurite::npu
