#include "study/variant.hpp"

#include <gtest/gtest.h>

#include "fulgurite/error.hpp"

namespace fulgurite::study {
namespace {

using programs::Form;

const programs::ProgramShape kVaried;

TEST(StudyVariant, AFormIsItsOptions) {
  for (const Form form : programs::kForms) {
    const Variant variant = variant_of(programs::name(form), kVaried);
    EXPECT_EQ(variant.form, form);
    EXPECT_EQ(variant.options, programs::options_of(form, kVaried));
  }
}

TEST(StudyVariant, ChangesFollowAColon) {
  const Variant variant = variant_of("merged:rope_row_chunk=32,split.score=up_down", kVaried);
  programs::ProgramOptions expected = programs::options_of(Form::merged, kVaried);
  expected.tiling.rope_row_chunk = 32;
  expected.split.score = tile::SplitMode::up_down;
  EXPECT_EQ(variant.options, expected);
  EXPECT_EQ(variant.name, "merged:rope_row_chunk=32,split.score=up_down");
}

TEST(StudyVariant, WhatDoesNotExistOrDoesNotDivideIsRefused) {
  for (const char* name : {"fused", "", ":group=2", "merged:grup=2", "merged:group",
                           "merged:rope_row_chunk=100", "per_token:fuse.score=yes"}) {
    try {
      variant_of(name, kVaried);
      ADD_FAILURE() << name;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::usage) << name;
    }
  }
}

TEST(StudyVariant, AStepThatIsTooLargeToAnalyseIsRefused) {
  const auto is_refused = [](const programs::ProgramShape& shape, const char* name) {
    try {
      variant_of(name, shape);
      return false;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(" tokens with "), std::string::npos);
      return error.kind() == ErrorKind::usage;
    }
  };
  programs::ProgramShape long_context{.cache_rows = 262'144, .start_pos = 1'048'000};
  EXPECT_TRUE(is_refused(long_context, "merged"));
  long_context.sequences = 1;
  EXPECT_FALSE(is_refused(long_context, "merged:batch_group=1,cache_tile=512"));
  EXPECT_TRUE(is_refused({.sequences = 65'536}, "merged"));
  EXPECT_FALSE(is_refused({.sequences = 512}, "merged"));
  EXPECT_TRUE(is_refused({.sequences = 512}, "per_token"));
}

}  // namespace
}  // namespace fulgurite::study
