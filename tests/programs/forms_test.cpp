// Which options are refused, and how.
#include "programs/forms.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "fulgurite/error.hpp"
#include "programs/seed_program.hpp"

namespace fulgurite::programs {
namespace {

/// The message of the Error of that kind that `body` throws; else a failure.
template <class Body>
std::string refusal(ErrorKind kind, const Body& body) {
  try {
    body();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "expected an error";
  return "";
}

const ProgramShape kSeed;

std::string refusal_of(const ProgramOptions& options) {
  return refusal(ErrorKind::usage, [&] { trace(kSeed, options); });
}

TEST(Forms, HaveNamesThatReadBack) {
  for (const Form form : kForms) EXPECT_EQ(form_of(name(form)), form);
  EXPECT_EQ(refusal(ErrorKind::usage, [] { form_of("fused"); }),
            "form: expected per_token, baseline, rope_slice, rope or merged, found fused");
}

TEST(Forms, AreValidForEveryShape) {
  for (const Index b : {1, 2, 3, 7, 8, 9, 12, 64}) {
    for (const Index s : {1, 2, 3, 5}) {
      for (const Index hidden : {16, 48, 512, 7168}) {
        ProgramShape shape{.sequences = b, .tokens_each = s, .hidden = hidden};
        shape.query_rank = hidden == 7168 ? 1536 : 80;
        shape.heads = 24;
        for (const Form form : kForms) EXPECT_NO_THROW(options_of(form, shape).validate(shape));
      }
    }
  }
}

TEST(Options, AreSetByTheirNames) {
  ProgramOptions options = options_of(Form::baseline, kSeed);
  for (const TilingParameter& parameter : kTilingParameters) {
    set(options, std::string(parameter.name) + "=8");
    EXPECT_EQ(options.tiling.*parameter.field, 8);
  }
  set(options, "fuse.score=yes");
  EXPECT_TRUE(options.fused.score);
  set(options, "fuse.score=no");
  EXPECT_FALSE(options.fused.score);
  set(options, "split.qr_proj=left_right");
  EXPECT_EQ(options.split.qr_proj, tile::SplitMode::left_right);
  set(options, "split.qr_proj=none");
  EXPECT_EQ(options.split.qr_proj, tile::SplitMode::none);
}

TEST(Options, WhatCannotBeSetIsRefusedByName) {
  ProgramOptions options = options_of(Form::merged, kSeed);
  const auto refusal_of_change = [&](std::string_view change) {
    return refusal(ErrorKind::usage, [&] { set(options, change); });
  };
  const std::string unknown = refusal_of_change("row_chunk=8");
  EXPECT_NE(unknown.find("'row_chunk'"), std::string::npos) << unknown;
  EXPECT_NE(unknown.find("rope_row_chunk"), std::string::npos) << unknown;
  EXPECT_NE(refusal_of_change("fuse.scores=yes").find("'fuse.scores'"), std::string::npos);
  EXPECT_EQ(refusal_of_change("group=two"), "group: expected a whole number, found 'two'");
  EXPECT_EQ(refusal_of_change("group"), "group: expected a whole number, found ''");
  EXPECT_EQ(refusal_of_change("group=2.5"), "group: expected a whole number, found '2.5'");
  EXPECT_EQ(refusal_of_change("fuse.score=1"), "fuse.score: expected yes or no, found '1'");
  EXPECT_EQ(refusal_of_change("split.score=UP"),
            "split.score: expected none, up_down or left_right, found 'UP'");
}

TEST(Options, EachTilingParameterIsCheckedUnderItsName) {
  for (const TilingParameter& parameter : kTilingParameters) {
    ProgramOptions options = options_of(Form::merged, kSeed);
    for (const Index wrong : {Index{0}, Index{-2}}) {
      options.tiling.*parameter.field = wrong;
      const std::string text = refusal_of(options);
      EXPECT_TRUE(text.starts_with(std::string(parameter.name) + ": expected ")) << text;
      EXPECT_TRUE(text.ends_with(", found " + std::to_string(wrong))) << text;
    }
  }
}

TEST(Options, SayWhatMustBeDivided) {
  const auto with = [](Index Tiling::* field, Index value) {
    ProgramOptions options = options_of(Form::merged, kSeed);
    options.tiling.*field = value;
    return refusal_of(options);
  };
  EXPECT_EQ(with(&Tiling::query_row_chunk, 24),
            "query_row_chunk: expected a divisor of T = 128, found 24");
  EXPECT_EQ(with(&Tiling::batch_group, 5), "batch_group: expected a divisor of B = 64, found 5");
  EXPECT_EQ(with(&Tiling::rope_k_step, 1),
            "rope_k_step: expected an even divisor of rope pairs = 32, found 1");
  EXPECT_EQ(with(&Tiling::weights_k_step, 48),
            "weights_k_step: expected an even divisor of D = 4096, found 48");
  EXPECT_EQ(with(&Tiling::hadamard_row_chunk, 512),
            "hadamard_row_chunk: expected a divisor of H * rope_group = 256, found 512");
}

TEST(Options, ThatContradictEachOtherAreRefused) {
  ProgramOptions options = options_of(Form::baseline, kSeed);
  options.score_by_name = true;
  EXPECT_EQ(refusal_of(options), "batch_group: expected 1 where the score passes by name, found 8");
  options = options_of(Form::baseline, kSeed);
  options.one_query_loop = true;
  EXPECT_EQ(refusal_of(options), "group: expected rope_group = 4 in one query loop, found 2");
  options = options_of(Form::merged, kSeed);
  options.one_query_loop = true;
  EXPECT_THAT(refusal_of(options), testing::StartsWith("one_query_loop: expected qr_hadamard"));
  options = options_of(Form::merged, kSeed);
  options.score_by_name = true;
  EXPECT_THAT(refusal_of(options), testing::StartsWith("score_by_name: expected score not fused"));
}

TEST(Shape, WrongSizesAreNamed) {
  const auto with = [](ErrorKind kind, Index ProgramShape::* field, Index value) {
    ProgramShape shape;
    shape.*field = value;
    return refusal(kind, [&] { trace(shape, Form::merged); });
  };
  EXPECT_THAT(with(ErrorKind::input, &ProgramShape::sequences, 0), testing::HasSubstr("B"));
  EXPECT_THAT(with(ErrorKind::input, &ProgramShape::tokens_each, 0), testing::HasSubstr("S"));
  EXPECT_THAT(with(ErrorKind::unsupported, &ProgramShape::hidden, 24),
              testing::HasSubstr("hidden"));
  EXPECT_THAT(with(ErrorKind::unsupported, &ProgramShape::heads, 4), testing::HasSubstr("heads"));
  EXPECT_EQ(with(ErrorKind::input, &ProgramShape::topk, 2049),
            "topk: expected 1 to 2048, found 2049");
  EXPECT_EQ(with(ErrorKind::input, &ProgramShape::start_pos, 8194),
            "start_pos: expected 0 to 8193, found 8194");
  EXPECT_EQ(with(ErrorKind::input, &ProgramShape::offset, -1),
            "offset: expected 0 to 2147481599, found -1");
}

}  // namespace
}  // namespace fulgurite::programs
