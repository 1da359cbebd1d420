#include "study/fit.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "study/variant.hpp"

namespace fulgurite::study {
namespace {

using npu::Space;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

const programs::ProgramShape kFitted;

std::vector<std::string> fits(const char* variant, const char* scope, Space space,
                              const npu::Chip& chip = {}) {
  std::vector<std::string> options;
  for (const Fit& fit :
       find_fits(kFitted, variant_of(variant, kFitted).options, scope, space, chip, npu::Rules{})) {
    options.push_back(fit.option);
  }
  return options;
}

TEST(StudyFit, FindsTheLargestRowChunk) {
  // 256 rows need 328.25 KiB, 128 need 164.25.
  EXPECT_THAT(fits("merged:rope_row_chunk=256", "indexer/rope_slice", Space::vec),
              Contains("rope_row_chunk=128"));
  EXPECT_THAT(fits("merged:rope_row_chunk=256", "indexer/rope_assemble", Space::vec),
              Contains("rope_row_chunk=64"));
}

TEST(StudyFit, HalvesTheGroupWhereTheScratchDoesNotFit) {
  EXPECT_THAT(fits("baseline:group=4", "indexer/qr_hadamard_quant", Space::vec),
              Contains("group=2"));
}

TEST(StudyFit, LooksAtOneMemoryAtATime) {
  const char* const variant = "merged:rope_group=8,hadamard_row_chunk=256";
  EXPECT_THAT(fits(variant, "indexer/qr_hadamard", Space::l0c), ElementsAre("rope_group=4"));
  EXPECT_THAT(fits(variant, "indexer/qr_hadamard", Space::vec), Contains("hadamard_row_chunk=128"));
}

TEST(StudyFit, DoesNotCureByAnotherError) {
  // With 16 features a row of codes has 16 bytes, which the vector memory does not take.
  npu::Chip chip;
  chip.vec_bytes = 188416;
  const auto found = fits("merged", "indexer/qr_hadamard", Space::vec, chip);
  EXPECT_THAT(found, Contains("hadamard_row_chunk=64"));
  EXPECT_THAT(found, Not(Contains("feature_chunk=16")));
}

TEST(StudyFit, SaysNothingOfWhatNothingCuts) {
  npu::Chip chip;
  chip.vec_bytes = 1024;
  EXPECT_THAT(fits("merged", "indexer/topk", Space::vec, chip), IsEmpty());
}

}  // namespace
}  // namespace fulgurite::study
