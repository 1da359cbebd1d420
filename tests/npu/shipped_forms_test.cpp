#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "npu/analysis.hpp"
#include "programs/seed_program.hpp"

// What the model says of the programs as they were: the list of docs/npu-model.md.

namespace fulgurite::npu {
namespace {

using programs::Form;
using testing::ElementsAreArray;

/// "serial_parallel score: score_store, score_store", hints left out.
std::vector<std::string> findings_of(Form form) {
  const tile::Trace trace = programs::trace(programs::ProgramShape{}, form);
  std::vector<std::string> result;
  for (const Finding& finding : analyse(trace, Chip{}, Rules{}).findings) {
    if (severity(finding.kind) == Severity::hint) continue;
    std::string text = std::string(name(finding.kind)) + " " + finding.tensor + ":";
    for (const std::string& scope : finding.scopes) text += " " + scope.substr(sizeof "indexer");
    result.push_back(text);
  }
  return result;
}

const std::string kStage = "ignored_option : compressor/rope_assemble";
const std::string kAutoChunk = "ignored_option : score_quant";
const std::string kCompressor = ": compressor/kv_score_proj compressor/state_scatter";
const std::string kKvScratch = "serial_parallel idx_cmp_kv_proj_scratch" + kCompressor;
const std::string kScoreScratch = "serial_parallel idx_cmp_score_proj_scratch" + kCompressor;
const std::string kScale = "serial_parallel score_kv_scale: score_quant score_store";
const std::string kScore = "serial_parallel score: score_store score_store";

TEST(NpuShippedForms, PerTokenHasTheSerialRopeChain) {
  EXPECT_THAT(findings_of(Form::per_token),
              ElementsAreArray({std::string("serial_parallel qr_proj: rope_write rope_slice"),
                                std::string("serial_parallel qr_proj: rope_write rope_write"),
                                kStage, kKvScratch, kScoreScratch, kScale, kScore}));
}

TEST(NpuShippedForms, TheUnfusedScoreHasItsChain) {
  for (const Form form : {Form::baseline, Form::rope_slice, Form::rope}) {
    EXPECT_THAT(findings_of(form),
                ElementsAreArray(
                    {kStage, kKvScratch, kScoreScratch,
                     std::string("serial_parallel kv_tile_i8_g: score_quant score_accum"), kScale,
                     std::string("serial_parallel score_acc_g: score_accum score_store"), kScore,
                     kAutoChunk}));
  }
}

TEST(NpuShippedForms, MergedHasTheMiscompiledHadamard) {
  EXPECT_THAT(findings_of(Form::merged),
              ElementsAreArray(
                  {std::string("split_window : qr_hadamard"),
                   std::string("split_reshape : qr_hadamard"), kStage, kKvScratch, kScoreScratch,
                   std::string("serial_parallel kv_tile_i8_g: score_quant score_store"), kScale,
                   kScore, kAutoChunk}));
}

double makespan_us(Form form) {
  return analyse(programs::trace(programs::ProgramShape{}, form), Chip{}, Rules{})
      .schedule.makespan_us;
}

TEST(NpuShippedForms, EachFusionShortensTheStep) {
  const double baseline_us = makespan_us(Form::baseline);
  const double rope_slice_us = makespan_us(Form::rope_slice);
  const double rope_us = makespan_us(Form::rope);
  const double merged_us = makespan_us(Form::merged);
  EXPECT_LT(rope_slice_us, baseline_us);
  EXPECT_LT(rope_us, rope_slice_us);
  EXPECT_LT(merged_us, rope_us);
  EXPECT_GT(merged_us / baseline_us, 0.75);  // published: 0.82 to 0.87
  EXPECT_LT(merged_us / baseline_us, 0.95);
}

/// A ring that is too deep, an accumulator that is too large, a ring that is too shallow: the
/// analysis of a run names each.
TEST(NpuShippedForms, BrokenByTheirTilingAreCaught) {
  struct Broken {
    Form form;
    programs::Index programs::Tiling::* parameter;
    programs::Index value;
    double slots;
    FindingKind kind;
    std::string scope;
  };
  for (const Broken& broken : {Broken{Form::rope_slice, &programs::Tiling::rope_row_chunk, 256, 8,
                                      FindingKind::overflow, "indexer/rope_slice"},
                               Broken{Form::baseline, &programs::Tiling::rope_group, 8, 8,
                                      FindingKind::overflow, "indexer/qr_hadamard"},
                               Broken{Form::rope_slice, &programs::Tiling::rope_row_chunk, 64, 1,
                                      FindingKind::ring_deadlock, "indexer/rope_slice"}}) {
    programs::ProgramOptions options = programs::options_of(broken.form, programs::ProgramShape{});
    options.tiling.*broken.parameter = broken.value;
    Chip chip;
    chip.ring_slots = broken.slots;
    const tile::Trace trace = programs::trace(programs::ProgramShape{}, options);
    const Analysis analysis = analyse(trace, chip, Rules{});
    const auto is_it = [&](const Finding& finding) {
      return finding.kind == broken.kind && finding.scopes[0] == broken.scope;
    };
    EXPECT_TRUE(std::any_of(analysis.findings.begin(), analysis.findings.end(), is_it))
        << broken.scope;
    EXPECT_EQ(severity(analysis.findings[0].kind), Severity::error);
  }
}

}  // namespace
}  // namespace fulgurite::npu
