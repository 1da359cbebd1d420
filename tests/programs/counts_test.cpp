// What the forms consist of, against counts that were found by running the original forms.
#include "counts.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "programs/seed_program.hpp"

namespace fulgurite::programs::test {
namespace {

ProgramShape seed_at(Index start_pos) {
  ProgramShape shape;
  shape.start_pos = start_pos;
  return shape;
}

using FourForms = std::array<const char*, 4>;  ///< baseline, rope_slice, rope, merged
constexpr std::array kFour{Form::baseline, Form::rope_slice, Form::rope, Form::merged};

/// Tasks and unit at the seed's shape; null: no such scope.
const std::map<std::string, FourForms>& scopes_of_the_seed() {
  static const std::map<std::string, FourForms> table{
      {"indexer/qr_proj", {"64 C", "64 C", "64 C", "64 M"}},
      {"indexer/qr_proj_write", {"64 V", "64 V", "64 V", nullptr}},
      {"indexer/rope_slice", {"32 C", "32 M", "32 M", "32 M"}},
      {"indexer/rope_apply", {"32 V", nullptr, nullptr, nullptr}},
      {"indexer/rope_assemble", {"32 C", "32 C", "32 M", "32 M"}},
      {"indexer/rope_write", {"32 V", "32 V", nullptr, nullptr}},
      {"indexer/qr_hadamard", {"32 C", "32 C", "32 C", "32 M"}},
      {"indexer/qr_hadamard_quant", {"64 V", "64 V", "64 V", nullptr}},
      {"indexer/weights_proj", {"1 C", "1 C", "1 C", "1 C"}},
      {"indexer/weights_write", {"1 V", "1 V", "1 V", "1 V"}},
      {"indexer/compressor/kv_score_proj", {"4 C", "4 C", "4 C", "4 C"}},
      {"indexer/compressor/state_scatter", {"4 V", "4 V", "4 V", "4 V"}},
      {"indexer/compressor/softmax_pool", {"4 V", "4 V", "4 V", "4 V"}},
      {"indexer/compressor/state_shift", {"1 V", "1 V", "1 V", "1 V"}},
      {"indexer/compressor/rmsnorm", {"1 V", "1 V", "1 V", "1 V"}},
      {"indexer/compressor/rope_slice", {"1 C", "1 M", "1 M", "1 M"}},
      {"indexer/compressor/rope_apply", {"1 V", nullptr, nullptr, nullptr}},
      {"indexer/compressor/rope_assemble", {"1 C", "1 C", "1 M", "1 M"}},
      {"indexer/compressor/rope_write", {"1 V", "1 V", nullptr, nullptr}},
      {"indexer/compressor/kv_hadamard", {"1 C", "1 C", "1 C", "1 C"}},
      {"indexer/compressor/kv_and_cache_write", {"1 V", "1 V", "1 V", "1 V"}},
      {"indexer/compressor/state_shift_boundary", {"1 V", "1 V", "1 V", "1 V"}},
      {"indexer/score_init", {"8 V", "8 V", "8 V", "8 V"}},
      {"indexer/score_quant", {"16 V", "16 V", "16 V", "16 V"}},
      {"indexer/score_accum", {"16 C", "16 C", "16 C", nullptr}},
      {"indexer/score_store", {"16 V", "16 V", "16 V", "16 M"}},
      {"indexer/topk", {"128 V", "128 V", "128 V", "128 V"}},
  };
  return table;
}

TEST(Counts, TasksOfEachScopeAtTheSeedsShape) {
  for (std::size_t f = 0; f < kFour.size(); ++f) {
    std::map<std::string, std::string> expected;
    for (const auto& [scope, entries] : scopes_of_the_seed()) {
      if (entries[f] != nullptr) expected[scope] = entries[f];
    }
    EXPECT_EQ(tasks_by_scope(trace(seed_at(254), kFour[f])), expected) << name(kFour[f]);
  }
}

TEST(Counts, TasksOfEachScopeOfThePerTokenForm) {
  auto found = tasks_by_scope(trace(seed_at(254), Form::per_token));
  std::map<std::string, std::string> expected{
      {"indexer/qr_proj", "64 C"},        {"indexer/qr_proj_write", "64 V"},
      {"indexer/rope_slice", "128 C"},    {"indexer/rope_apply", "128 V"},
      {"indexer/rope_assemble", "128 C"}, {"indexer/rope_write", "128 V"},
      {"indexer/qr_hadamard", "128 C"},   {"indexer/qr_hadamard_quant", "128 V"},
      {"indexer/weights_proj", "1 C"},    {"indexer/weights_write", "1 V"},
      {"indexer/score_init", "64 V"},     {"indexer/score_quant", "128 V"},
      {"indexer/score_accum", "128 C"},   {"indexer/score_store", "128 V"},
      {"indexer/topk", "128 V"},
  };
  for (const auto& [scope, entries] : scopes_of_the_seed()) {
    if (scope.starts_with("indexer/compressor/")) expected[scope] = entries[0];
  }
  EXPECT_EQ(found, expected);
}

struct Totals {
  Form form;
  Kinds kinds;
  int matmul, matmul_acc;
  int windows_read, windows_written;  ///< below 0: not known
};

TEST(Counts, OperationsAtTheSeedsShape) {
  const Totals table[] = {
      {Form::per_token, {584, 911, 0}, 717, 1786, -1, -1},
      {Form::baseline, {184, 375, 0}, 333, 954, 5380, 1934},
      {Form::rope_slice, {151, 342, 33}, 525, 1530, 6532, 2192},
      {Form::rope, {118, 309, 66}, 621, 1818, 7300, 2288},
      {Form::merged, {6, 165, 178}, 749, 1818, 8196, 2576},
  };
  for (const Totals& expected : table) {
    SCOPED_TRACE(name(expected.form));
    const Trace found = trace(seed_at(254), expected.form);
    EXPECT_EQ(kinds(found), expected.kinds);
    EXPECT_EQ(count_ops(found, OpCode::matmul), expected.matmul);
    EXPECT_EQ(count_ops(found, OpCode::matmul_acc), expected.matmul_acc);
    if (expected.windows_read >= 0) {
      EXPECT_EQ(windows_read(found), expected.windows_read);
      EXPECT_EQ(windows_written(found), expected.windows_written);
    }
    EXPECT_EQ(count_ops(found, OpCode::sort32), 128);
    EXPECT_EQ(count_ops(found, OpCode::mrgsort), 384);
    EXPECT_EQ(count_ops(found, OpCode::gather_mask), 128);
    EXPECT_TRUE(found.findings.empty());
  }
}

TEST(Counts, ValuesThatLeaveTheirScopeByName) {
  using Values = std::map<std::string, int>;
  const Values merged{{"indexer/weights_acc", 1}, {"indexer/weights", 1}};
  Values rope = merged;
  rope["indexer/qr_acc"] = 64;
  Values slice = rope;
  slice["indexer/rope_acc"] = 32;
  slice["indexer/compressor/rope_acc"] = 1;
  Values baseline = slice;
  for (const char* value : {"even_acc", "odd_acc", "rope_even_acc", "rope_odd_acc"}) {
    baseline[std::string("indexer/") + value] = 32;
    baseline[std::string("indexer/compressor/") + value] = 1;
  }
  Values per_token = baseline;
  for (const char* value : {"even_acc", "odd_acc", "rope_even_acc", "rope_odd_acc", "rope_acc",
                            "qr_hadamard_acc", "kv_tile_i8", "score_acc"}) {
    per_token[std::string("indexer/") + value] = 128;
  }
  const auto kept = [](Form form) { return kept_values(trace(seed_at(254), form)); };
  EXPECT_EQ(kept(Form::merged), merged);
  EXPECT_EQ(kept(Form::rope), rope);
  EXPECT_EQ(kept(Form::rope_slice), slice);
  EXPECT_EQ(kept(Form::baseline), baseline);
  EXPECT_EQ(kept(Form::per_token), per_token);
}

struct AtStart {
  Index start_pos;
  std::array<std::pair<int, int>, 4> tasks_and_subtasks;  ///< of kFour
};

TEST(Counts, TasksAtOtherStartPositions) {
  const AtStart table[] = {
      {0, {{{498, 498}, {466, 530}, {434, 562}, {306, 626}}}},
      {2, {{{535, 535}, {502, 568}, {469, 601}, {333, 673}}}},
      {3, {{{536, 536}, {503, 569}, {470, 602}, {334, 674}}}},
      {253, {{{546, 546}, {514, 578}, {482, 610}, {338, 690}}}},
      {254, {{{559, 559}, {526, 592}, {493, 625}, {349, 705}}}},
      {255, {{{560, 560}, {527, 593}, {494, 626}, {350, 706}}}},
  };
  for (const AtStart& row : table) {
    for (std::size_t f = 0; f < kFour.size(); ++f) {
      const Kinds found = kinds(trace(seed_at(row.start_pos), kFour[f]));
      EXPECT_EQ(std::pair(found.tasks(), found.subtasks()), row.tasks_and_subtasks[f])
          << name(kFour[f]) << " at " << row.start_pos;
    }
  }
}

TEST(Counts, TheCompressorAlone) {
  const auto found = [](Form form, Index start_pos) {
    const ProgramShape shape = seed_at(start_pos);
    const Kinds result = kinds(trace_compressor(shape, options_of(form, shape)));
    return std::pair(result.tasks(), result.subtasks());
  };
  EXPECT_EQ(found(Form::merged, 0), std::pair(8, 8));
  EXPECT_EQ(found(Form::merged, 254), std::pair(19, 23));
  EXPECT_EQ(found(Form::merged, 3), std::pair(20, 24));
  EXPECT_EQ(found(Form::merged, 255), std::pair(20, 24));
  EXPECT_EQ(found(Form::baseline, 0), std::pair(8, 8));
  EXPECT_EQ(found(Form::baseline, 254), std::pair(21, 21));
  EXPECT_EQ(found(Form::baseline, 255), std::pair(22, 22));
}

TEST(Counts, IfOnlyTheIndexersRopeIsFused) {
  const ProgramShape shape = seed_at(254);
  ProgramOptions options = options_of(Form::rope_slice, shape);
  options.fused.compressor_rope_slice = false;
  Kinds found = kinds(trace(shape, options));
  EXPECT_EQ(found.mixed, 32);
  EXPECT_EQ(std::pair(found.tasks(), found.subtasks()), std::pair(527, 591));
  options = options_of(Form::rope, shape);
  options.fused.compressor_rope_slice = false;
  options.fused.compressor_rope_assemble = false;
  found = kinds(trace(shape, options));
  EXPECT_EQ(found.mixed, 64);
  EXPECT_EQ(std::pair(found.tasks(), found.subtasks()), std::pair(495, 623));
}

TEST(Counts, WithoutRotationTheKeyIsWrittenByAVectorKernel) {
  ProgramShape shape = seed_at(254);
  shape.rotate = false;
  const auto scopes = tasks_by_scope(trace(shape, Form::merged));
  EXPECT_FALSE(scopes.contains("indexer/compressor/kv_hadamard"));
  EXPECT_EQ(scopes.at("indexer/compressor/kv_write"), "1 V");
}

/// Tiles that cross from the cube to the vector cores in one task of each scope: shape and times.
TEST(Counts, WhatCrossesFromCubeToVectorInMerged) {
  const Trace found = trace(seed_at(254), Form::merged);
  std::map<std::string, std::map<std::string, int>> crossings;
  std::set<std::string> seen;
  for (const Task& task : found.tasks) {
    const std::string scope = full_name(found, task.scope);
    if (task.kind != TaskKind::mixed || !seen.insert(scope).second) continue;
    for (std::int32_t row = task.ops.first; row < task.ops.last; ++row) {
      const Op& op = found.ops[static_cast<std::size_t>(row)];
      if (!op.result.valid() || !found[op.result].crosses()) continue;
      // A cut of the accumulator crosses by itself; the accumulator then does not.
      const bool is_cut = op.code == OpCode::slice;
      const bool is_whole_product = op.code == OpCode::matmul || op.code == OpCode::matmul_acc;
      if (!is_cut && !is_whole_product) continue;
      ++crossings[scope][to_string(found[op.result].shape) +
                         std::string(tile::name(found[op.result].dtype))];
    }
  }
  EXPECT_EQ(crossings["indexer/rope_assemble"]["[64, 64]FP32"], 4);
  EXPECT_EQ(crossings["indexer/rope_slice"]["[64, 32]FP32"], 8);
  EXPECT_EQ(crossings["indexer/qr_proj"]["[16, 128]INT32"], 8);
  EXPECT_EQ(crossings["indexer/qr_hadamard"]["[128, 32]FP32"], 16);
  EXPECT_EQ(crossings["indexer/score_store"]["[32, 64]INT32"], 16);
  EXPECT_EQ(crossings["indexer/compressor/rope_slice"]["[64, 32]FP32"], 2);
  EXPECT_EQ(crossings["indexer/compressor/rope_assemble"]["[64, 64]FP32"], 1);
}

TEST(Counts, TheSplitAndTheOptionsOfTheScopes) {
  const Trace found = trace(seed_at(254), Form::merged);
  for (const Scope& scope : found.scopes) {
    const bool is_none = scope.name == "score_store" ||
                         (scope.name == "rope_assemble" && found[scope.call].name == "compressor");
    if (scope.has_split) {
      EXPECT_EQ(scope.split, is_none ? SplitMode::none : SplitMode::up_down) << scope.name;
    }
    EXPECT_EQ(scope.auto_chunk, scope.name == "score_quant") << scope.name;
  }
  EXPECT_EQ(std::count_if(found.scopes.begin(), found.scopes.end(),
                          [](const Scope& scope) { return scope.has_split; }),
            7);
}

}  // namespace
}  // namespace fulgurite::programs::test
