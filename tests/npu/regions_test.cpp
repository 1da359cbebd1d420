#include "npu/regions.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

namespace fulgurite::npu {
namespace {

using testing::ElementsAre;
using tile::BufferId;
using tile::Index;
using tile::Region;
using tile::Shape;

Region box(Index row, Index rows, Index col, Index cols, Index width = 64) {
  return {BufferId{0}, row * width + col, {rows, cols}, {width, 1}};
}

TEST(NpuRegions, RegionsOfTwoBuffersNeverOverlap) {
  Region other = box(0, 4, 0, 64);
  other.buffer = BufferId{1};
  EXPECT_EQ(runtime_overlap(box(0, 4, 0, 64), other), Overlap::none);
}

TEST(NpuRegions, BoxesOfOneArrayAreComparedAxisByAxis) {
  const Region left = box(0, 16, 0, 32);
  EXPECT_EQ(runtime_overlap(left, box(0, 16, 32, 32)), Overlap::none);
  EXPECT_EQ(runtime_overlap(left, box(8, 16, 16, 32)), Overlap::some);
  EXPECT_EQ(runtime_overlap(left, box(4, 4, 8, 8)), Overlap::covered);
  EXPECT_EQ(runtime_overlap(box(4, 4, 8, 8), left), Overlap::some) << "it holds only a part";
  EXPECT_EQ(runtime_overlap(left, left), Overlap::covered);
}

TEST(NpuRegions, ReshapesOfOneBufferConflictWhereTheirBytesMeet) {
  const Region columns = box(0, 16, 32, 32);
  const Region first_half_rows{BufferId{0}, 0, {16, 32}, {128, 1}};
  EXPECT_EQ(runtime_overlap(columns, first_half_rows), Overlap::some);
  EXPECT_EQ(runtime_overlap(columns, Region{BufferId{0}, 1024, {1024}, {1}}), Overlap::none);
  EXPECT_EQ(runtime_overlap(Region{BufferId{0}, 0, {1024}, {1}}, columns), Overlap::some)
      << "it covers them, but the runtime does not know";
}

TEST(NpuRegions, ARegionThatWrapsAroundIsNoBox) {
  const Region wrapped{BufferId{0}, 48, {4, 32}, {64, 1}};
  EXPECT_EQ(runtime_overlap(wrapped, box(0, 4, 24, 8)), Overlap::some);
  EXPECT_FALSE(share_elements(wrapped, box(0, 4, 24, 8)));
}

TEST(NpuRegions, StretchesJoinWhatLiesSideBySide) {
  EXPECT_THAT(stretches(box(1, 2, 0, 64)), ElementsAre(Stretch{64, 192}));
  EXPECT_THAT(stretches(box(0, 2, 8, 8)), ElementsAre(Stretch{8, 16}, Stretch{72, 80}));
  EXPECT_THAT(stretches(box(0, 0, 0, 64)), ElementsAre());
  EXPECT_THAT(stretches(Region{BufferId{0}, 3, {4}, {1}}), ElementsAre(Stretch{3, 7}));
  EXPECT_THAT(stretches(Region{BufferId{0}, 3, {3}, {5}}),
              ElementsAre(Stretch{3, 4}, Stretch{8, 9}, Stretch{13, 14}));
}

std::set<Index> elements_of(const Region& region) {
  std::set<Index> elements;
  for (Index i = 0; i < region.extent[0]; ++i) {
    for (Index j = 0; j < region.extent[1]; ++j) {
      elements.insert(region.offset + i * region.strides[0] + j * region.strides[1]);
    }
  }
  return elements;
}

/// Any offset, extents (0, too) and strides, so that boxes, wrapped boxes and gaps all occur.
Region random_region(std::mt19937& random) {
  const auto below = [&](Index end) {
    return static_cast<Index>(random() % static_cast<std::uint32_t>(end));
  };
  constexpr std::array<Index, 3> kWidths{4, 6, 8};
  const Index width = kWidths[static_cast<std::size_t>(below(3))];
  return {BufferId{0}, below(24), {below(5), below(5)}, {width, below(4) == 0 ? 2 : 1}};
}

TEST(NpuRegions, SharingElementsIsExactAndTheRuntimeNeverMissesIt) {
  std::mt19937 random(7);
  for (int trial = 0; trial < 20000; ++trial) {
    const Region a = random_region(random);
    const Region b = random_region(random);
    const std::set<Index> in_a = elements_of(a);
    const std::set<Index> in_b = elements_of(b);
    bool is_shared = false;
    bool is_covered = true;
    for (const Index element : in_b) {
      is_shared |= in_a.contains(element);
      is_covered &= in_a.contains(element);
    }
    ASSERT_EQ(share_elements(a, b), is_shared);
    const Overlap overlap = runtime_overlap(a, b);
    ASSERT_FALSE(is_shared && overlap == Overlap::none);
    ASSERT_FALSE(overlap == Overlap::covered && !is_covered);
    std::set<Index> in_stretches;
    for (const Stretch stretch : stretches(a)) {
      for (Index element = stretch.first; element < stretch.last; ++element)
        in_stretches.insert(element);
    }
    ASSERT_EQ(in_stretches, in_a);
  }
}

TEST(NpuRegions, AreDescribedInTheirOwnAxes) {
  tile::Trace trace;
  trace.buffers.emplace_back();
  trace.buffers[0].name = "qr_proj";
  trace.buffers[0].shape = {32, 64};
  EXPECT_EQ(describe(trace, box(0, 32, 0, 64)), "qr_proj");
  EXPECT_EQ(describe(trace, box(16, 8, 32, 32)), "qr_proj[16:24, 32:64]");
}

}  // namespace
}  // namespace fulgurite::npu
