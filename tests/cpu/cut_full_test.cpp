#include "cut.hpp"

namespace fulgurite {
namespace {

using testing::CutScenario;
using testing::Random;

class CutsFull : public ::testing::TestWithParam<const char*> {};

TEST_P(CutsFull, StepsPagesThreadsAndBatchesDoNotMatterToALargerModel) {
  constexpr ModelShape kShape{.hidden = 512, .query_rank = 256, .heads = 32, .topk = 64};
  Random random(82);
  const CutScenario scenario(kShape, 3000, 300, random, Recipe::named(GetParam()));
  expect_cuts_do_not_matter(scenario, 12, random);
}

INSTANTIATE_TEST_SUITE_P(, CutsFull, ::testing::ValuesIn(testing::kEveryRecipe));

}  // namespace
}  // namespace fulgurite
