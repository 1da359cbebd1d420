#include "cut.hpp"

namespace fulgurite {
namespace {

using testing::CutScenario;
using testing::Random;

class Cuts : public ::testing::TestWithParam<const char*> {};

TEST_P(Cuts, StepsPagesThreadsAndBatchesDoNotMatterToAPromptAndItsDecodeSteps) {
  constexpr ModelShape kShape{.hidden = 16, .query_rank = 16, .heads = 8, .topk = 24};
  Random random(81);
  const CutScenario scenario(kShape, 1000, 200, random, Recipe::named(GetParam()));
  expect_cuts_do_not_matter(scenario, 2, random);
}

INSTANTIATE_TEST_SUITE_P(, Cuts, ::testing::ValuesIn(testing::kEveryRecipe));

}  // namespace
}  // namespace fulgurite
