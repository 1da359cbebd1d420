#include "cpu/split.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "support/random.hpp"

namespace fulgurite::cpu {
namespace {

struct Shares {
  std::vector<Wave> waves;
  std::vector<VisibleRows> wholes;
};
Shares shares_of(std::vector<VisibleRows>& tokens, std::int64_t lanes) {
  order_by_rows(tokens);
  Shares shares;
  share_rows(
      tokens, lanes, 512, [&](const Wave& wave) { shares.waves.push_back(wave); },
      [&](std::span<const VisibleRows> wholes) {
        shares.wholes.assign(wholes.begin(), wholes.end());
      });
  return shares;
}
std::vector<VisibleRows> equal_tokens(std::int64_t count, std::int64_t rows) {
  std::vector<VisibleRows> tokens;
  for (std::int64_t token = 0; token < count; ++token) tokens.push_back({token, rows});
  return tokens;
}

TEST(Split, GivesEachTokenToOneShare) {
  testing::Random random(41);
  for (int round = 0; round < 2000; ++round) {
    const std::int64_t lanes = random.integer(1, 9);
    const std::int64_t most = random.chance(2) ? 3000 : 400'000;
    std::vector<VisibleRows> tokens;
    const std::int64_t count = random.integer(1, 128);
    for (std::int64_t token = 0; token < count; ++token) {
      tokens.push_back({token, random.integer(0, random.chance(4) ? most : 3000)});
    }
    const Shares shares = shares_of(tokens, lanes);
    std::vector<int> seen(tokens.size());
    for (const Wave& wave : shares.waves) {
      std::int64_t units = 0;
      std::int64_t sums = 0;
      for (const VisibleRows& token : wave.tokens) {
        ++seen[static_cast<std::size_t>(token.place)];
        units += (token.rows + wave.unit_rows - 1) / wave.unit_rows;
        sums += (token.rows + 31) / 32 * 32;
      }
      EXPECT_EQ(wave.unit_rows % 32, 0);
      EXPECT_EQ(wave.units, units);
      EXPECT_EQ(wave.sums, sums);
      EXPECT_TRUE(wave.tokens.size() == 1 || sums <= lanes * 270'000) << sums;
    }
    for (const VisibleRows& token : shares.wholes) ++seen[static_cast<std::size_t>(token.place)];
    EXPECT_EQ(std::ranges::count(seen, 1), static_cast<std::ptrdiff_t>(seen.size()));
    EXPECT_TRUE(lanes > 1 || shares.waves.empty());
  }
}

TEST(Split, KeepsAllLanesBusy) {
  testing::Random random(42);
  for (int round = 0; round < 500; ++round) {
    const std::int64_t lanes = random.integer(2, 8);
    std::vector<VisibleRows> tokens;
    const std::int64_t count = random.integer(1, 40);
    for (std::int64_t token = 0; token < count; ++token) {
      tokens.push_back({token, random.integer(20'000, 262'144)});
    }
    const Shares shares = shares_of(tokens, lanes);
    std::int64_t all = 0;
    for (const VisibleRows& token : tokens) all += token.rows;
    // What a lane may wait for at the end of each meeting: a unit, or a whole token.
    std::int64_t waits = shares.wholes.empty() ? 0 : shares.wholes.front().rows;
    for (const Wave& wave : shares.waves) waits += wave.unit_rows;
    EXPECT_LE(waits * lanes, all / 4 + lanes * 2048) << count << " tokens, " << lanes << " lanes";
  }
}

TEST(Split, LeavesManyTokensWhole) {
  std::vector<VisibleRows> tokens = equal_tokens(128, 2048);
  EXPECT_TRUE(shares_of(tokens, 2).waves.empty());
  tokens = equal_tokens(32, 262'144);
  EXPECT_TRUE(shares_of(tokens, 2).waves.empty());
  tokens = equal_tokens(1, 262'144);
  const Shares one = shares_of(tokens, 2);
  ASSERT_EQ(one.waves.size(), 1U);
  EXPECT_EQ(one.waves[0].units, 16);
  tokens = equal_tokens(5, 262'144);
  EXPECT_EQ(shares_of(tokens, 2).waves.size(), 3U);
}

}  // namespace
}  // namespace fulgurite::cpu
