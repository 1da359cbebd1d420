#include "indexer/plan.hpp"

#include <gtest/gtest.h>

#include <string>

#include "fulgurite/error.hpp"
#include "indexer/rope_table.hpp"

namespace fulgurite {
namespace {

using Kind = SlotSource::Kind;

Plan plan_of(const DecodeBatch& batch, int state_slots) {
  Plan plan;
  make_plan(ModelShape::v4_flash(), batch, state_slots, plan);
  return plan;
}

Plan causal(std::int64_t position, std::int64_t tokens, int state_slots = 16) {
  return plan_of({.sequences = {{.sequence = 0, .position = position, .tokens = tokens}}},
                 state_slots);
}

Plan seed(std::int64_t position, std::int64_t tokens) {
  return plan_of({.sequences = {{.sequence = 0, .position = position, .tokens = tokens}},
                  .policy = Policy::seed},
                 kWindowSlots);
}

std::string slots(const WindowPlan& window) {
  std::string text;
  for (const SlotSource& slot : window.slots) {
    text += slot.kind == Kind::absent ? "-" : slot.kind == Kind::state ? "s" : "t";
    if (slot.kind != Kind::absent) text += std::to_string(slot.index);
    text += " ";
  }
  return text;
}

std::string writes(const Plan& plan) {
  std::string text;
  for (const StateWrite& write : plan.state_writes) {
    text += std::to_string(write.slot) + "=" + (write.source.kind == Kind::state ? "s" : "t") +
            std::to_string(write.source.index) + " ";
  }
  return text;
}

TEST(CausalPlan, ATokenThatClosesAWindowSeesItsOwnRow) {
  for (std::int64_t position = 0; position < 40; ++position) {
    const Plan plan = causal(position, 1);
    EXPECT_EQ(plan.tokens[0].visible, (position + 1) / 4);
    EXPECT_EQ(plan.windows.size(), position % 4 == 3 ? 1U : 0U);
    for (const WindowPlan& window : plan.windows) {
      EXPECT_EQ(window.row, plan.tokens[0].visible - 1);
    }
  }
}

TEST(CausalPlan, NoTokenSeesARowOfALaterOne) {
  const Plan plan = causal(5, 9);
  std::vector<std::int64_t> visible;
  for (const TokenPlan& token : plan.tokens) visible.push_back(token.visible);
  EXPECT_EQ(visible, (std::vector<std::int64_t>{1, 1, 2, 2, 2, 2, 3, 3, 3}));
  EXPECT_EQ(plan.windows.size(), 2U);
}

TEST(CausalPlan, TheFirstWindowHasFourAbsentSlots) {
  const Plan plan = causal(0, 4);
  ASSERT_EQ(plan.windows.size(), 1U);
  EXPECT_EQ(slots(plan.windows[0]), "- - - - t0 t1 t2 t3 ");
}

TEST(CausalPlan, AWindowTakesItsSlotsFromTheRingAndFromTheStep) {
  const Plan plan = causal(18, 3);
  ASSERT_EQ(plan.windows.size(), 1U);  // position 19 closes row 4: positions 12 .. 19
  EXPECT_EQ(plan.windows[0].row, 4);
  EXPECT_EQ(slots(plan.windows[0]), "s12 s13 s14 s15 s0 s1 t0 t1 ");
  EXPECT_EQ(writes(plan), "2=t0 3=t1 4=t2 ");
}

TEST(CausalPlan, ALongPromptLeavesItsLastTokensInTheRing) {
  const Plan plan = causal(0, 41, 8);
  EXPECT_EQ(plan.windows.size(), 10U);
  EXPECT_EQ(writes(plan), "1=t33 2=t34 3=t35 4=t36 5=t37 6=t38 7=t39 0=t40 ");
}

TEST(CausalPlan, QueriesTurnByTheirPositionAndRowsByTheirFirst) {
  const Plan plan = causal(6, 2);
  const auto angle = [&](std::int32_t index) {
    return plan.angles[static_cast<std::size_t>(index)].cos;
  };
  EXPECT_EQ(angle(plan.tokens[0].angle), rope_angle(6).cos);
  EXPECT_EQ(angle(plan.tokens[1].angle), rope_angle(7).cos);
  EXPECT_EQ(angle(plan.windows[0].angle), rope_angle(4).cos);
}

TEST(SeedPlan, EveryTokenSeesTheRowsOfTheStepsEnd) {
  const Plan plan = seed(254, 2);
  EXPECT_EQ(plan.tokens[0].visible, 64);
  EXPECT_EQ(plan.tokens[1].visible, 64);
  EXPECT_EQ(plan.angles.size(), 1U);
}

TEST(SeedPlan, TheUpperHalfMovesDownWhenTheWindowCloses) {
  const Plan plan = seed(254, 2);
  ASSERT_EQ(plan.windows.size(), 1U);
  EXPECT_EQ(plan.windows[0].row, 63);
  EXPECT_EQ(slots(plan.windows[0]), "s0 s1 s2 s3 s4 s5 t0 t1 ");
  EXPECT_EQ(writes(plan), "0=s4 1=s5 2=t0 3=t1 6=t0 7=t1 ");
}

TEST(SeedPlan, TokensAfterTheClosingOneOpenTheNextWindow) {
  const Plan plan = seed(611, 2);
  EXPECT_EQ(slots(plan.windows[0]), "s0 s1 s2 s3 s4 s5 s6 t0 ");
  EXPECT_EQ(writes(plan), "0=s4 1=s5 2=s6 3=t0 4=t1 7=t0 ");
}

TEST(SeedPlan, WithoutAWindowOnlyTheNewSlotsChange) {
  const Plan plan = seed(500, 2);
  EXPECT_TRUE(plan.windows.empty());
  EXPECT_EQ(writes(plan), "4=t0 5=t1 ");
}

TEST(SeedPlan, ASecondWindowInAStepIsLost) {
  const Plan plan = seed(3, 6);  // positions 3..8: closes row 0; row 1 never
  ASSERT_EQ(plan.windows.size(), 1U);
  EXPECT_EQ(plan.windows[0].row, 0);
  EXPECT_EQ(plan.tokens[0].visible, 2);
  EXPECT_EQ(writes(plan), "0=s4 1=s5 2=s6 3=t0 4=t5 5=t2 6=t3 7=t4 ");
}

void expect_refused(const DecodeBatch& batch, int state_slots, const std::string& message) {
  try {
    plan_of(batch, state_slots);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::input);
    EXPECT_EQ(error.what(), message);
  }
}

TEST(Plan, WhatCannotBePlannedIsNamed) {
  expect_refused({.sequences = {{.sequence = -1}}}, 16,
                 "sequence -1: expected a number of at least 0");
  expect_refused({.sequences = {{.sequence = 3, .position = -5}}}, 16,
                 "sequence 3: expected positions within 0..1048575, found 1 tokens from -5");
  expect_refused({.sequences = {{.sequence = 3, .position = 1'048'576}}}, 16,
                 "sequence 3: expected positions within 0..1048575, found 1 tokens from 1048576");
  expect_refused({.sequences = {{.sequence = 3, .tokens = -2}}}, 16,
                 "sequence 3: expected 0 to 1048576 tokens, found -2");
  expect_refused({.sequences = {{.sequence = 2}, {.sequence = 1}, {.sequence = 2}}}, 16,
                 "sequence 2: expected once in a batch, found twice");
  expect_refused({.sequences = {{.sequence = 0}}, .policy = Policy::seed}, 16,
                 "compressor state: policy seed expected 8 slots, found 16");
}

TEST(Plan, ASequenceMayBringNoToken) {
  const Plan plan = plan_of(
      {.sequences = {{.sequence = 4, .position = 9, .tokens = 0}, {.sequence = 1, .position = 3}}},
      16);
  ASSERT_EQ(plan.sequences.size(), 2U);
  EXPECT_EQ(plan.tokens.size(), 1U);
  EXPECT_EQ(plan.tokens[0].owner, 1);
  EXPECT_EQ(plan.sequences[1].first_token, 0);
}

}  // namespace
}  // namespace fulgurite
