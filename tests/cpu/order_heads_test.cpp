#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <limits>

#include "every_isa.hpp"
#include "indexer/stages.hpp"

namespace fulgurite::cpu {
namespace {

using OrderHeads = EveryIsa;
INSTANTIATE_TEST_SUITE_P(, OrderHeads, testing::ValuesIn(machine_kernels()), isa_name);

TEST_P(OrderHeads, equals_the_definition) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  constexpr float kSpecial[] = {0.F, -0.F, kInfinity, -kInfinity, kNan, -kNan, -1e-45F, 1e-45F};
  EXPECT_TRUE(rc::check([&](std::uint64_t seed) {
    Draw draw(seed);
    const std::int64_t heads = 8 * draw.integer(1, kMostHeads / 8);
    const bool has_ties = draw.one_in(3);
    const bool has_special = draw.one_in(3);
    std::vector<float> folded;
    while (static_cast<std::int64_t>(folded.size()) < heads) {
      const float weight = has_ties ? static_cast<float>(draw.integer(-3, 3)) : draw.normal();
      folded.push_back(has_special && draw.one_in(4) ? kSpecial[draw.integer(0, 7)] : weight);
    }
    std::vector<std::int32_t> order(folded.size(), -1);
    kernels().order_heads(folded.data(), heads, order.data());
    RC_ASSERT(order == reference::head_order(folded));
  }));
}

}  // namespace
}  // namespace fulgurite::cpu
