#include "study/compare.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "study/kv_product.hpp"
#include "study/published.hpp"

namespace fulgurite::study {
namespace {

const programs::ProgramShape kSeed;

Comparison compare_forms(std::initializer_list<const char*> names, const npu::Chip& chip = {}) {
  std::vector<Variant> variants;
  for (const char* name : names) variants.push_back(variant_of(name, kSeed));
  return compare(kSeed, variants, chip, npu::Rules{});
}

double ratio(const Comparison& comparison) {
  return comparison.variants.back().makespan_us.front() /
         comparison.variants.front().makespan_us.front();
}

TEST(StudyCompare, CountsTheTasksOfThePages) {
  const Comparison comparison = compare_forms({"baseline", "rope_slice", "rope", "merged"});
  const std::int64_t wanted[4][3]{{559, 559, 0}, {526, 592, 33}, {493, 625, 66}, {349, 705, 178}};
  for (std::size_t i = 0; i < 4; ++i) {
    const VariantTime& time = comparison.variants[i];
    EXPECT_EQ(time.tasks, wanted[i][0]);
    EXPECT_EQ(time.subtasks, wanted[i][1]);
    EXPECT_EQ(time.mix_tasks, wanted[i][2]);
    EXPECT_EQ(time.errors, 0);
  }
}

TEST(StudyCompare, TheRangeHoldsTheChipAsGivenAndAllSettings) {
  const Comparison comparison = compare_forms({"baseline", "merged"});
  for (const VariantTime& time : comparison.variants) {
    ASSERT_EQ(time.makespan_us.size(), comparison.settings.size());
    EXPECT_LT(time.low_us, time.makespan_us.front());
    EXPECT_GT(time.high_us, time.makespan_us.front());
    for (const double us : time.makespan_us) {
      EXPECT_GE(us, time.low_us);
      EXPECT_LE(us, time.high_us);
    }
  }
}

/// What one setting says is what a comparison on that chip says.
TEST(StudyCompare, ASettingIsTheChipWithThatConstant) {
  const Comparison comparison = compare_forms({"baseline", "merged"});
  const auto dear = std::ranges::find(comparison.settings, "orchestrator_us=1.3", &Setting::name);
  ASSERT_NE(dear, comparison.settings.end());
  const auto at = static_cast<std::size_t>(dear - comparison.settings.begin());
  npu::Chip chip;
  chip.orchestrator_us = 1.3;
  const Comparison other = compare_forms({"baseline", "merged"}, chip);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(comparison.variants[i].makespan_us[at], other.variants[i].makespan_us.front());
  }
}

/// With schedulers that cost much per subtask, the form with more subtasks loses.
TEST(StudyCompare, SaysWhereTheOrderBreaks) {
  const Comparison comparison = compare_forms({"baseline", "merged"});
  std::vector<std::string> broken;
  for (const Reversal& reversal : comparison.reversals) {
    EXPECT_EQ(reversal.faster, 1U);
    EXPECT_EQ(reversal.slower, 0U);
    EXPECT_GT(comparison.variants[1].makespan_us[reversal.setting],
              comparison.variants[0].makespan_us[reversal.setting]);
    broken.push_back(comparison.settings[reversal.setting].name);
  }
  EXPECT_EQ(broken, std::vector<std::string>{"cheap orchestrator, dear schedulers"});
}

TEST(StudyCompare, FewerSubmissionsStartTheChainsEarlier) {
  const Comparison comparison = compare_forms({"baseline", "merged"});
  const VariantTime& before = comparison.variants[0];
  const VariantTime& after = comparison.variants[1];
  EXPECT_NEAR(before.submission_us - after.submission_us, 210 * 0.87, 1e-9);
  EXPECT_GT(*before.compressor_start_us - *after.compressor_start_us, 100);
  EXPECT_GT(*before.score_start_us - *after.score_start_us, 100);
}

TEST(StudyCompare, AProgramThatDoesNotFitHasErrors) {
  EXPECT_GT(compare_forms({"merged:rope_row_chunk=256"}).variants[0].errors, 0);
}

// ---- The published changes

TEST(StudyCompare, FusionGainsAsPublishedInSignAndSize) {
  const double found = ratio(compare_forms({"baseline", "merged"}));  // published: 0.82 to 0.87
  EXPECT_GT(found, 0.75);
  EXPECT_LT(found, 0.95);
}

TEST(StudyCompare, GroupingShortensTheStepAndItsRopeWindow) {
  const Comparison comparison = compare_forms({"per_token", "baseline"});
  EXPECT_GT(ratio(comparison), 0.40);  // published: 0.49 to 0.68
  EXPECT_LT(ratio(comparison), 0.75);
  EXPECT_GT(comparison.variants[0].rope_window_us, kPerTokenWindow.low_us);
  EXPECT_LT(comparison.variants[0].rope_window_us, kPerTokenWindow.high_us);
  EXPECT_NEAR(comparison.variants[1].rope_window_us, kGroupedWindow.low_us, 32);
}

TEST(StudyCompare, PipeliningTheProductGainsAsPublished) {
  const auto times = kv_product_times(npu::Chip{}, npu::Rules{});
  const double found = times[1].us / times[0].us;  // published: 0.77
  EXPECT_GT(found, 0.66);
  EXPECT_LT(found, 0.86);
  for (const KvProductTime& time : times) EXPECT_NEAR(time.us / time.published_us, 1, 0.15);
}

TEST(StudyPublished, TheTwoReadingsNameOtherForms) {
  using programs::Form;
  EXPECT_TRUE(published(Form::rope, Reading::text));
  EXPECT_FALSE(published(Form::rope, Reading::diff));
  EXPECT_FALSE(published(Form::merged, Reading::text));
  EXPECT_EQ(published(Form::merged, Reading::diff)->high_us, 1176);
  EXPECT_TRUE(published(Form::rope_slice, Reading::text)->is_derived);
}

}  // namespace
}  // namespace fulgurite::study
