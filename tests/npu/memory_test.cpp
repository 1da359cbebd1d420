#include "npu/memory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "npu/rules.hpp"
#include "programs/seed_program.hpp"
#include "tile/tile.hpp"

// The worked figures of docs/npu-model.md, to the byte.

namespace fulgurite::npu {
namespace {

using namespace tile;
using programs::Form;
using programs::ProgramOptions;
using programs::ProgramShape;
using testing::HasSubstr;

constexpr Index kib(double number) { return static_cast<Index>(number * 1024); }

TaskId first_task(const Trace& trace, const std::string& scope) {
  for (std::size_t row = 0; row < trace.tasks.size(); ++row) {
    const TaskId id{static_cast<std::int32_t>(row)};
    if (full_name(trace, trace[id].scope) == scope) return id;
  }
  ADD_FAILURE() << "no scope " << scope;
  return TaskId{0};
}

/// A kernel of one of the programs, perhaps with another tiling, on the seed's shape.
struct ProgramKernel {
  ProgramKernel(Form form, const std::string& scope, Index programs::Tiling::* field = nullptr,
                Index value = 0)
      : trace([&] {
          ProgramOptions options = programs::options_of(form, ProgramShape{});
          if (field != nullptr) options.tiling.*field = value;
          return programs::trace(ProgramShape{}, options);
        }()),
        task(first_task(trace, scope)) {}

  [[nodiscard]] KernelMemory plan(Planner planner = Planner::may, double slots = 8,
                                  int none_arms = 1) const {
    Chip chip;
    chip.ring_slots = slots;
    return plan_memory(trace, task, chip,
                       {.planner = planner, .windows = WindowPolicy::may, .none_arms = none_arms});
  }
  [[nodiscard]] Index used(Space space, Planner planner = Planner::may, double slots = 8,
                           int none_arms = 1) const {
    const KernelMemory memory = plan(planner, slots, none_arms);
    const SpacePlan* const plan = memory.space(space);
    return plan == nullptr ? 0 : plan->used_bytes;
  }

  Trace trace;
  TaskId task;
};

TEST(NpuMemory, HadamardOfEightTokensOverflowsL0c) {
  const ProgramKernel eight(Form::baseline, "indexer/qr_hadamard", &programs::Tiling::rope_group,
                            8);
  EXPECT_EQ(eight.used(Space::l0c), kib(256));
  const std::vector<Finding> findings = memory_findings(eight.trace, eight.plan(), Chip{}, Rules{});
  ASSERT_EQ(findings.size(), 1);
  EXPECT_EQ(findings[0].kind, FindingKind::overflow);
  EXPECT_THAT(findings[0].message, HasSubstr("needs 256 KiB of L0C, there are 128 KiB"));

  const ProgramKernel four(Form::baseline, "indexer/qr_hadamard");
  EXPECT_EQ(four.used(Space::l0c), kib(128));
  EXPECT_TRUE(memory_findings(four.trace, four.plan(), Chip{}, Rules{}).empty());
}

TEST(NpuMemory, RopeSliceOf256Rows) {
  const ProgramKernel whole(Form::rope_slice, "indexer/rope_slice",
                            &programs::Tiling::rope_row_chunk, 256);
  EXPECT_EQ(whole.plan().space(Space::vec)->ring_bytes, kib(256));
  EXPECT_EQ(whole.used(Space::vec), kib(328.25));
  EXPECT_EQ(whole.used(Space::vec, Planner::may_strict), kib(344.25));  // published: 344
  EXPECT_EQ(whole.used(Space::vec, Planner::august, 2), kib(128.25));

  const std::vector<Finding> findings = memory_findings(whole.trace, whole.plan(), Chip{}, Rules{});
  ASSERT_EQ(findings.size(), 1);
  EXPECT_EQ(findings[0].kind, FindingKind::overflow);
  EXPECT_THAT(findings[0].message, HasSubstr("needs 328.25 KiB of Vec, there are 192 KiB"));
  EXPECT_THAT(findings[0].message, HasSubstr("the ring takes 256 KiB (8 slots of 32 KiB)"));
  EXPECT_THAT(findings[0].message, HasSubstr("It fits with 3 slots in place of 8"));
}

TEST(NpuMemory, RopeSliceInChunksOf64Rows) {
  const ProgramKernel chunk(Form::rope_slice, "indexer/rope_slice");
  EXPECT_EQ(chunk.plan().ring.slot_bytes, kib(8));
  EXPECT_EQ(chunk.used(Space::vec), kib(82.25));
  EXPECT_EQ(chunk.used(Space::vec, Planner::may_strict), kib(86.25));
}

TEST(NpuMemory, QuantisationOfFourTokens) {
  const ProgramKernel four(Form::baseline, "indexer/qr_hadamard_quant", &programs::Tiling::group,
                           4);
  EXPECT_EQ(four.used(Space::vec), kib(251));
  EXPECT_EQ(four.used(Space::vec, Planner::august), kib(162));
  const ProgramKernel two(Form::baseline, "indexer/qr_hadamard_quant");
  EXPECT_EQ(two.used(Space::vec), kib(125.5));
}

/// The first loop of the quantisation alone; the published figure is 199 KB.
TEST(NpuMemory, LargestMagnitudesOfFourTokens) {
  Program pl(Mode::shape_only);
  const Tensor acc = pl.input("acc", DType::f32, {256, 128}, nullptr);
  const Tensor out = pl.parameter("out", Mark::out, DType::f32, {256, 1}, nullptr);
  pl.at("amax", [&] {
    Tile amax = pl.full({1, 256}, DType::f32, 1e-4);
    for (const Index h : pl.range(0, 128, 32)) {
      const Tile x = acc(all, {h, 32});
      amax = maximum(amax, reshape(row_max(maximum(x, neg(x))), {1, 256}));
    }
    const Tile q = div(pl.full({1, 256}, DType::f32, 127.0), amax);
    out(all, all) = reshape(recip(q), {256, 1});
  });
  const KernelMemory memory = plan_memory(pl.trace(), TaskId{0}, Chip{}, Rules{});
  EXPECT_EQ(memory.space(Space::vec)->used_bytes, kib(195));
}

TEST(NpuMemory, FusedHadamardFitsBy768Bytes) {
  const ProgramKernel merged(Form::merged, "indexer/qr_hadamard");
  EXPECT_EQ(merged.plan().space(Space::vec)->ring_bytes, kib(128));
  EXPECT_EQ(merged.used(Space::vec), kib(191.25));
  EXPECT_EQ(merged.used(Space::vec, Planner::may_strict), kib(199.75));
  EXPECT_EQ(merged.used(Space::vec, Planner::august), kib(168.75));
}

TEST(NpuMemory, FusedProjection) {
  const ProgramKernel merged(Form::merged, "indexer/qr_proj");
  EXPECT_EQ(merged.used(Space::vec), kib(74.625));
  EXPECT_EQ(merged.used(Space::vec, Planner::may_strict), kib(78.625));
  EXPECT_EQ(merged.used(Space::vec, Planner::august, 2), kib(24.625));
}

TEST(NpuMemory, FusedScore) {
  const ProgramKernel merged(Form::merged, "indexer/score_store");
  EXPECT_EQ(merged.used(Space::vec), kib(104.875));
  EXPECT_EQ(merged.used(Space::vec, Planner::may_strict), kib(113));
  EXPECT_EQ(merged.used(Space::vec, Planner::may, 8, 2), kib(145.75));
  EXPECT_EQ(merged.used(Space::vec, Planner::august, 2), kib(40.25));
}

TEST(NpuMemory, CompressorsProjectionFillsL1) {
  const ProgramKernel merged(Form::merged, "indexer/compressor/kv_score_proj");
  EXPECT_EQ(merged.used(Space::l1), kib(512));
  EXPECT_TRUE(merged.plan().space(Space::l1)->fits());
}

}  // namespace
}  // namespace fulgurite::npu
