#include "cpu/portions.hpp"

#include <gtest/gtest.h>

#include "support/random.hpp"

namespace fulgurite::cpu {
namespace {

TEST(Portions, HoldEachTokenOnceInOrder) {
  testing::Random random(61);
  for (int round = 0; round < 300; ++round) {
    DecodeBatch batch;
    batch.policy = random.chance(3) ? Policy::seed : Policy::causal;
    for (std::int64_t i = random.integer(0, 6); i > 0; --i) {
      const std::int64_t tokens = random.integer(0, random.chance(3) ? 400 : 9);
      batch.sequences.push_back({.sequence = i,
                                 .position = random.integer(0, 50),
                                 .tokens = tokens,
                                 .unselected = random.integer(0, tokens)});
    }
    const std::int64_t most = 8 * random.integer(1, 16);
    std::vector<std::int64_t> done(7);
    std::vector<std::int64_t> unselected(7);
    Portions portions(batch, most);
    Portion portion;
    std::int64_t tokens = 0;
    std::int64_t selected = 0;
    while (portions.next(portion)) {
      EXPECT_EQ(portion.first_token, tokens);
      EXPECT_EQ(portion.first_selected, selected);
      if (batch.policy == Policy::causal) {
        EXPECT_LE(portion.tokens, most);
      }
      std::int64_t inside = 0;
      for (const SequenceTokens& part : portion.sequences) {
        const auto at = static_cast<std::size_t>(part.sequence);
        const SequenceTokens& whole = batch.sequences[batch.sequences.size() - at];
        EXPECT_GT(part.tokens, 0);
        EXPECT_EQ(part.position, whole.position + done[at]);
        if (batch.policy == Policy::seed) {
          EXPECT_EQ(part.tokens, whole.tokens);
        }
        EXPECT_TRUE(part.unselected == 0 || done[at] == unselected[at]) << "they come first";
        done[at] += part.tokens;
        unselected[at] += part.unselected;
        inside += part.tokens;
        selected += part.tokens - part.unselected;
      }
      EXPECT_EQ(portion.tokens, inside);
      tokens += inside;
    }
    EXPECT_EQ(tokens, batch.tokens());
    EXPECT_EQ(selected, batch.selected_tokens());
  }
}

}  // namespace
}  // namespace fulgurite::cpu
