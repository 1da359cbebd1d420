#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <vector>

#include "support/decoders.hpp"
#include "support/snapshot.hpp"

namespace fulgurite {
namespace {

using testing::CpuDecoder;
using testing::decode_some;
using testing::Random;
using testing::TestTokens;
using testing::TestWeights;
using testing::Values;

constexpr ModelShape kSequenceShape{.hidden = 32, .query_rank = 16, .heads = 8, .topk = 5};
constexpr std::array kRecipes{"seed-int8", "deepseek", "fp8", "exact"};

CpuDecoder sequence_decoder(const TestWeights& weights, std::int64_t sequences,
                            std::int64_t page_rows, std::int64_t pages = 64, int slots = 16) {
  return {weights,
          {.sequences = sequences, .pages = pages, .page_rows = page_rows},
          slots,
          resolve_isa(),
          make_thread_pool(1)};
}

std::vector<float> official_state(const CpuDecoder& cpu, std::int64_t sequence) {
  std::vector<float> values(2 * kWindowSlots * kStateWidth);
  cpu.state.export_official(sequence, {values.data(), {kWindowSlots, kStateWidth}},
                            {values.data() + values.size() / 2, {kWindowSlots, kStateWidth}});
  return values;
}

/// Drafts of wrong tokens come and go; what stays is as if they had never come.
void expect_rewinds_leave_no_trace(Random& random, const char* recipe) {
  const TestWeights weights(kSequenceShape, random, Values::normal, false, Recipe::named(recipe));
  const TestTokens tokens(kSequenceShape, 120, random, Values::normal);
  const TestTokens drafts(kSequenceShape, 140, random, Values::normal);
  CpuDecoder plain = sequence_decoder(weights, 1, 3);
  CpuDecoder drafted = sequence_decoder(weights, 1, random.integer(1, 7));
  std::int64_t length = 0;
  while (length < 120) {
    if (random.chance(2)) {
      decode_some(drafted, 0, drafts, length, random.integer(1, drafted.state.rewind_depth()));
      rewind(drafted.keys, drafted.state, 0, length);
    }
    const std::int64_t count = std::min<std::int64_t>(random.integer(1, 9), 120 - length);
    EXPECT_EQ(decode_some(plain, 0, tokens, length, count),
              decode_some(drafted, 0, tokens, length, count));
    length += count;
    EXPECT_EQ(official_state(plain, 0), official_state(drafted, 0));
  }
}

TEST(Sequences, RewindsLeaveNoTrace) {
  Random random(41);
  for (const char* recipe : kRecipes) {
    for (int round = 0; round < 4; ++round) expect_rewinds_leave_no_trace(random, recipe);
  }
}

TEST(Sequences, ARewindBeyondWhatTheStateHoldsIsRefusedAndChangesNothing) {
  Random random(42);
  const TestWeights weights(kSequenceShape, random, Values::normal);
  const TestTokens tokens(kSequenceShape, 60, random, Values::normal);
  CpuDecoder cpu = sequence_decoder(weights, 1, 4);
  EXPECT_EQ(cpu.state.rewind_depth(), 9);
  decode_some(cpu, 0, tokens, 0, 43);
  const std::vector<float> before = official_state(cpu, 0);
  for (const std::int64_t length : {-1, 44, 20, 0}) {
    try {
      rewind(cpu.keys, cpu.state, 0, length);
      FAIL() << length;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(),
                length < 0 || length > 43 ? ErrorKind::input : ErrorKind::unsupported);
    }
    EXPECT_EQ(cpu.state.length(0), 43);
    EXPECT_EQ(official_state(cpu, 0), before);
  }
  for (std::int64_t length = 43; length >= 34; --length) rewind(cpu.keys, cpu.state, 0, length);
  EXPECT_EQ(cpu.state.length(0), 34);
}

TEST(Sequences, RewindGivesPagesBack) {
  Random random(43);
  const TestWeights weights(kSequenceShape, random, Values::normal);
  const TestTokens tokens(kSequenceShape, 40, random, Values::normal);
  CpuDecoder cpu = sequence_decoder(weights, 1, 1, 10);
  decode_some(cpu, 0, tokens, 0, 40);
  EXPECT_EQ(cpu.keys.free_pages(), 0);
  rewind(cpu.keys, cpu.state, 0, 33);
  EXPECT_EQ(cpu.keys.free_pages(), 2);
  decode_some(cpu, 0, tokens, 33, 7);
  EXPECT_EQ(cpu.keys.free_pages(), 0);
  release(cpu.keys, cpu.state, 0);
  EXPECT_EQ(cpu.keys.free_pages(), 10);
  EXPECT_EQ(cpu.state.length(0), 0);
}

TEST(Sequences, ForksShareFullPagesAndGoTheirOwnWays) {
  Random random(44);
  for (const char* recipe : kRecipes) {
    const TestWeights weights(kSequenceShape, random, Values::normal, false, Recipe::named(recipe));
    const TestTokens prefix(kSequenceShape, 200, random, Values::normal);
    const TestTokens other(kSequenceShape, 200, random, Values::normal);
    for (const std::int64_t length : {0, 3, 32, 37, 62}) {
      CpuDecoder cpu = sequence_decoder(weights, 2, 4, 20);
      if (length > 0) decode_some(cpu, 0, prefix, 0, length);
      const std::int64_t free = cpu.keys.free_pages();
      fork(cpu.keys, cpu.state, 0, 1);
      EXPECT_EQ(free - cpu.keys.free_pages(), length / 4 % 4 != 0 ? 1 : 0);

      CpuDecoder alone = sequence_decoder(weights, 2, 4, 20);
      if (length > 0) decode_some(alone, 1, prefix, 0, length);
      // Back into a shared page, then on with other tokens.
      const std::int64_t back = std::max<std::int64_t>(length - 9, 0);
      rewind(cpu.keys, cpu.state, 1, back);
      rewind(alone.keys, alone.state, 1, back);
      EXPECT_EQ(decode_some(cpu, 1, other, back, 30), decode_some(alone, 1, other, back, 30));

      CpuDecoder first = sequence_decoder(weights, 1, 4, 20);
      if (length > 0) decode_some(first, 0, prefix, 0, length);
      EXPECT_EQ(decode_some(cpu, 0, prefix, length, 20), decode_some(first, 0, prefix, length, 20));
      release(cpu.keys, cpu.state, 0);
      EXPECT_EQ(decode_some(cpu, 1, other, back + 30, 20),
                decode_some(alone, 1, other, back + 30, 20));
      release(cpu.keys, cpu.state, 1);
      EXPECT_EQ(cpu.keys.free_pages(), 20);
    }
  }
}

TEST(Sequences, AForkWithoutRoomOrIntoASequenceIsRefused) {
  Random random(45);
  const TestWeights weights(kSequenceShape, random, Values::normal);
  const TestTokens tokens(kSequenceShape, 20, random, Values::normal);
  CpuDecoder cpu = sequence_decoder(weights, 2, 4, 2);
  decode_some(cpu, 0, tokens, 0, 20);
  EXPECT_THROW(fork(cpu.keys, cpu.state, 0, 1), Error);  // five rows: two pages, none free
  EXPECT_THROW(fork(cpu.keys, cpu.state, 0, 0), Error);
  EXPECT_THROW(fork(cpu.keys, cpu.state, 0, 2), Error);
  EXPECT_EQ(cpu.state.length(1), 0);
  EXPECT_EQ(cpu.keys.free_pages(), 0);
}

TEST(Sequences, RowsOfAForkAreNotWrittenThroughTheOther) {
  Random random(46);
  const TestWeights weights(kSequenceShape, random, Values::normal);
  const TestTokens tokens(kSequenceShape, 60, random, Values::normal);
  const std::vector<Bf16> rows = random.bf16s(2 * kHeadDim, Values::normal);
  CpuDecoder cpu = sequence_decoder(weights, 2, 2, 20);
  decode_some(cpu, 0, tokens, 0, 20);
  fork(cpu.keys, cpu.state, 0, 1);
  const testing::Snapshot before(cpu.keys, cpu.state);
  EXPECT_THROW(cpu.keys.store(1, 1, {rows.data(), {2, kHeadDim}}), Error);
  EXPECT_EQ(before, testing::Snapshot(cpu.keys, cpu.state));
  cpu.state.reset(1);  // but not its keys
  EXPECT_THROW(decode_some(cpu, 1, tokens, 0, 4), Error);
  cpu.keys.clear(1);
  EXPECT_NO_THROW(decode_some(cpu, 1, tokens, 0, 4));
}

}  // namespace
}  // namespace fulgurite
