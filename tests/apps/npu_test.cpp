// The verbs of `fulgurite npu`: what they print, and how they end.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <sstream>

#include "npu_json.hpp"

namespace fulgurite::app::test {
namespace {

using Json = nlohmann::json;

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// The entries of an array whose fields have these values.
std::vector<Json> entries(const Json& array, const std::map<std::string, Json>& fields) {
  std::vector<Json> found;
  for (const Json& entry : array) {
    const bool is_it = std::all_of(fields.begin(), fields.end(), [&](const auto& field) {
      return entry.value(field.first, Json()) == field.second;
    });
    if (is_it) found.push_back(entry);
  }
  return found;
}

// ---- memory

TEST(NpuMemory, HasAnEntryForEachScopeAndMemory) {
  const Json json = npu_json({"memory"});
  EXPECT_EQ(json["form"], "merged");
  EXPECT_EQ(json["planner"], "planner_2026_05");
  EXPECT_EQ(json["shape"]["sequences"], 64);
  const auto found = entries(json["scopes"], {{"scope", "indexer/qr_hadamard"}, {"space", "Vec"}});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0]["used_bytes"], 195840);
  EXPECT_EQ(found[0]["limit_bytes"], 196608);
  EXPECT_EQ(found[0]["ring_bytes"], 131072);
  EXPECT_EQ(found[0]["slots"], 8);
  EXPECT_EQ(found[0]["fits"], true);
  EXPECT_EQ(entries(json["scopes"], {{"fits", false}}).size(), 0U);
  EXPECT_TRUE(json["overflows"].empty());
}

TEST(NpuMemory, WhatDoesNotFitEndsWithFiveAndSaysWhatWould) {
  const std::vector<std::string> words{"memory", "--tile", "rope_row_chunk=256"};
  const Json json = npu_json(words, 5);
  EXPECT_EQ(json["form"], "merged:rope_row_chunk=256");
  const auto found = entries(json["scopes"], {{"scope", "indexer/rope_slice"}, {"space", "Vec"}});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0]["used_bytes"], 336128);  // 328.25 KiB
  EXPECT_EQ(found[0]["fits"], false);
  const auto overflow = entries(json["overflows"], {{"scope", "indexer/rope_slice"}});
  ASSERT_EQ(overflow.size(), 1U);
  EXPECT_EQ(overflow[0]["fits_with"][0], "rope_row_chunk=128");
  const std::string text = npu_text(words, 5);
  EXPECT_TRUE(contains(text, "DOES NOT FIT")) << text;
  EXPECT_TRUE(contains(text, "--tile rope_row_chunk=128")) << text;
}

TEST(NpuMemory, TheSmallerBudgetIsNotEnoughForTheFusedHadamard) {
  const Json json = npu_json({"memory", "--vec-budget", "184"}, 5);
  const auto found = entries(json["scopes"], {{"fits", false}});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0]["scope"], "indexer/qr_hadamard");
  EXPECT_EQ(found[0]["limit_bytes"], 188416);
}

TEST(NpuMemory, PlannerAndSlotsAreThoseThatWereAsked) {
  const std::vector<std::string> words{"memory", "--planner", "2026_08",    "--slots",
                                       "2",      "--scope",   "score_store"};
  const Json json = npu_json(words);
  EXPECT_EQ(json["planner"], "planner_2026_08");
  const auto found = entries(json["scopes"], {{"space", "Vec"}});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0]["ring_bytes"], 16384);
  EXPECT_EQ(found[0]["used_bytes"], 41216);  // 40.25 KiB
}

TEST(NpuMemory, AScopeIsShownWithItsBuffersAndLives) {
  const Json json = npu_json({"memory", "--scope", "qr_hadamard"});
  for (const Json& entry : json["scopes"]) {
    EXPECT_EQ(entry["scope"], "indexer/qr_hadamard");
    ASSERT_FALSE(entry["buffers"].empty());
    for (const Json& buffer : entry["buffers"]) {
      EXPECT_GT(buffer["bytes"], 0);
      for (const Json& tenant : buffer["tenants"]) EXPECT_LE(tenant["first"], tenant["last"]);
    }
  }
  const std::string text = npu_text({"memory", "--scope", "qr_hadamard"});
  EXPECT_TRUE(contains(text, "ring: 8 slots of 16.0 KiB")) << text;
  EXPECT_TRUE(contains(text, "..####")) << text;
}

TEST(NpuMemory, AScopeThatDoesNotExistIsRefusedWithTheList) {
  expect_refusal(run_tool({"npu", "memory", "--scope", "qr_had"}), 2,
                 "--scope: expected one of indexer/qr_proj, indexer/rope_slice");
}

// ---- hazards

TEST(NpuHazards, SayKindTensorScopesAndCost) {
  const Json json = npu_json({"hazards"});
  const auto chain = entries(json["findings"], {{"kind", "serial_parallel"}, {"tensor", "score"}});
  ASSERT_EQ(chain.size(), 1U);
  EXPECT_EQ(chain[0]["scopes"], Json({"indexer/score_store", "indexer/score_store"}));
  EXPECT_EQ(chain[0]["severity"], "warning");
  EXPECT_GT(chain[0]["cost_us"], 50);
  EXPECT_EQ(chain[0]["count"], 15);
  EXPECT_TRUE(chain[0]["location"].get<std::string>().starts_with("score.cpp:"));
  EXPECT_TRUE(entries(json["findings"], {{"severity", "error"}}).empty());
}

TEST(NpuHazards, FindTheRopeChainBeforePr358) {
  const Json json = npu_json({"hazards", "--form", "per_token"});
  const auto found =
      entries(json["findings"], {{"kind", "serial_parallel"}, {"tensor", "qr_proj"}});
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found[0]["scopes"], Json({"indexer/rope_write", "indexer/rope_slice"}));
}

TEST(NpuHazards, ADeadlockEndsWithFive) {
  const Json json = npu_json({"hazards", "--form", "rope_slice", "--slots", "1"}, 5);
  EXPECT_FALSE(entries(json["findings"], {{"kind", "ring_deadlock"}}).empty());
  EXPECT_TRUE(contains(npu_text({"hazards", "--form", "rope_slice", "--slots", "1"}, 5),
                       "the program does not work"));
}

TEST(NpuHazards, AreGroupedAndHintsAreShort) {
  const std::string text = npu_text({"hazards"});
  EXPECT_LT(text.find(" wrong: "), text.find(" warnings: ")) << text;
  EXPECT_TRUE(contains(text, "serial_parallel of score: score_store, 15 times, costs ")) << text;
  EXPECT_FALSE(contains(text, "over-fetches")) << text;
  EXPECT_TRUE(contains(npu_text({"hazards", "--hints"}), "over-fetches"));
}

// ---- schedule

TEST(NpuSchedule, SaysWhatEachScopeAndTheMakespanConsistOf) {
  const Json json = npu_json({"schedule"});
  EXPECT_EQ(json["tasks"], 349);
  EXPECT_EQ(json["subtasks"], 705);
  EXPECT_EQ(json["mix_tasks"], 178);
  const double makespan_us = json["makespan_us"];
  double spent_us = 0;
  for (const auto& [spent, us] : json["spent_us"].items()) spent_us += us.get<double>();
  EXPECT_NEAR(spent_us, makespan_us, 1e-6);
  std::int64_t tasks = 0;
  for (const Json& scope : json["scopes"]) {
    tasks += scope["tasks"].get<std::int64_t>();
    EXPECT_EQ(scope["busy_us"].size(), 7U);
    EXPECT_EQ(scope["task_us"].size(), 5U);
  }
  EXPECT_EQ(tasks, 349);
  EXPECT_EQ(json["critical_path"].back()["scopes"], Json({"indexer/topk"}));
  EXPECT_NEAR(json["critical_path"].back()["to_us"], makespan_us, 1e-6);
  EXPECT_LE(json["bounds"]["no_runtime_us"], makespan_us);
  EXPECT_NEAR(json["bounds"]["orchestrator_us"], 349 * 0.87, 1e-6);
}

TEST(NpuSchedule, AConstantThatIsSetCounts) {
  const double before_us = npu_json({"schedule"})["makespan_us"];
  const double after_us = npu_json({"schedule", "--set", "orchestrator_us=1.3"})["makespan_us"];
  EXPECT_GT(after_us, before_us);
}

TEST(NpuSchedule, TheSerialRopeLoopIsOneLineOfThePath) {
  const Json json = npu_json({"schedule", "--form", "per_token"});
  const auto turns = entries(json["critical_path"], {{"turns", 128}});
  ASSERT_EQ(turns.size(), 1U);
  EXPECT_EQ(turns[0]["scopes"].size(), 4U);
  EXPECT_EQ(turns[0]["tasks"], 512);
}

// ---- compare

TEST(NpuCompare, HasTheCountsTheTimesAndTheRange) {
  const Json json = npu_json({"compare", "baseline", "rope_slice", "rope", "merged"});
  const std::int64_t wanted[4][3]{{559, 559, 0}, {526, 592, 33}, {493, 625, 66}, {349, 705, 178}};
  ASSERT_EQ(json["forms"].size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) {
    const Json& form = json["forms"][i];
    EXPECT_EQ(form["tasks"], wanted[i][0]);
    EXPECT_EQ(form["subtasks"], wanted[i][1]);
    EXPECT_EQ(form["mix_tasks"], wanted[i][2]);
    EXPECT_LE(form["range_us"][0], form["makespan_us"]);
    EXPECT_GE(form["range_us"][1], form["makespan_us"]);
  }
  EXPECT_EQ(json["forms"][0]["form"], "baseline");
  EXPECT_EQ(json["forms"][3]["published_us"]["diff"], Json({1118, 1176}));
  EXPECT_TRUE(json["forms"][3]["published_us"]["text"].is_null());
  EXPECT_GT(json["ranking"]["settings"], 10);
  EXPECT_TRUE(json["pr_358"]["ratio"].is_number());
  EXPECT_EQ(json["pr_741"]["stages"].size(), 3U);
}

TEST(NpuCompare, FourFormsAreTheDefault) {
  EXPECT_EQ(npu_json({"compare"})["forms"],
            npu_json({"compare", "baseline", "rope_slice", "rope", "merged"})["forms"]);
}

TEST(NpuCompare, TellsTheStory) {
  const std::string text = npu_text({"compare"});
  for (const char* part :
       {"published (text)", "PR #371", "The order merged, rope, rope_slice, baseline",
        "merged submits 210 tasks less than baseline, 183 us", "PR #358", "PR #741"}) {
    EXPECT_TRUE(contains(text, part)) << part << "\n" << text;
  }
}

TEST(NpuCompare, TakesChangesOfAForm) {
  const Json json = npu_json({"compare", "merged", "merged:fuse.score=no"});
  EXPECT_EQ(json["forms"][1]["form"], "merged:fuse.score=no");
  EXPECT_EQ(json["forms"][1]["tasks"], 349 + 16);
  EXPECT_TRUE(json["forms"][1]["published_us"]["diff"].is_null());
}

TEST(NpuCompare, OfAnotherShapeNothingWasPublished) {
  const Json json = npu_json({"compare", "baseline", "merged", "--start-pos", "255"});
  EXPECT_EQ(json["forms"][0]["tasks"], 560);
  EXPECT_TRUE(json["pr_358"].is_null());
  EXPECT_TRUE(json["forms"][0]["published_us"]["diff"].is_null());
}

TEST(NpuCompare, AFormThatDoesNotFitEndsWithFive) {
  const Json json = npu_json({"compare", "baseline", "merged", "--vec-budget", "184"}, 5);
  EXPECT_EQ(json["forms"][0]["errors"], 0);
  EXPECT_GT(json["forms"][1]["errors"], 0);
}

// ---- run, constants

TEST(NpuRun, HasEverythingOnOnePage) {
  const Json json = npu_json({"run", "--form", "baseline"});
  for (const char* field : {"makespan_us", "spent_us", "scopes", "memory", "findings",
                            "critical_path", "shape", "tasks", "subtasks"}) {
    EXPECT_TRUE(json.contains(field)) << field;
  }
  EXPECT_EQ(json["tasks"], 559);
  const std::string text = npu_text({"run"});
  for (const char* part : {"qr_hadamard", "found: 2 wrong, ", "makespan ", "Critical path:"}) {
    EXPECT_TRUE(contains(text, part)) << part << "\n" << text;
  }
}

TEST(NpuRun, TakesTheShapesOfAStep) {
  const Json json = npu_json({"run", "--preset", "v4-pro", "--batch", "16", "--tokens", "1",
                              "--start-pos", "9000", "--topk", "128"});
  EXPECT_EQ(json["shape"]["hidden"], 7168);
  EXPECT_EQ(json["shape"]["query_rank"], 1536);
  EXPECT_EQ(json["shape"]["sequences"], 16);
  EXPECT_EQ(json["shape"]["tokens_each"], 1);
  EXPECT_EQ(json["shape"]["start_pos"], 9000);
  EXPECT_EQ(json["shape"]["cache_rows"], 4096);  // what the position needs
  EXPECT_EQ(json["shape"]["topk"], 128);
}

TEST(NpuConstants, AreAllListedWithRangeAndSource) {
  const Json json = npu_json({"constants", "--set", "start_us=0.5", "--slots", "2"});
  std::set<std::string> names;
  for (const Json& constant : json["constants"]) {
    names.insert(constant["name"]);
    EXPECT_LE(constant["range"][0], constant["range"][1]);
    EXPECT_FALSE(constant["source"].get<std::string>().empty());
  }
  EXPECT_EQ(names.size(), json["constants"].size());
  const auto start = entries(json["constants"], {{"name", "start_us"}});
  ASSERT_EQ(start.size(), 1U);
  EXPECT_EQ(start[0]["value"], 0.5);
  EXPECT_EQ(start[0]["default"], 0.35);
  EXPECT_EQ(entries(json["constants"], {{"name", "ring_slots"}})[0]["value"], 2);
  EXPECT_TRUE(contains(npu_text({"constants"}), "simpler device_log_profiling.md"));
}

// ---- What is refused

TEST(NpuOptions, ThatDoNotExistOrSuitAreRefused) {
  const auto refuse = [](std::vector<std::string> words, const std::string& message) {
    words.insert(words.begin(), "npu");
    expect_refusal(run_tool(words), 2, message);
  };
  refuse({"memory", "--form", "fused"}, "form: expected per_token, baseline, ");
  refuse({"schedule", "--set", "orchestra_us=1"}, "there is no constant 'orchestra_us'");
  refuse({"schedule", "--set", "orchestrator_us=fast"}, "expected a number");
  refuse({"schedule", "--set", "clusters=0"}, "expected a whole number from 1 to 65536");
  refuse({"schedule", "--start-pos", "131069"}, "expected a step that can be analysed in seconds");
  refuse({"hazards", "--tile", "rope_row_chunk=100"},
         "rope_row_chunk: expected a divisor of H * rope_group = 256, found 100");
  refuse({"hazards", "--tile", "row_chunk=64"}, "found 'row_chunk'");
  refuse({"run", "--planner", "2026_07"}, "--planner");
  refuse({"run", "--windows", "july"}, "--windows");
  refuse({"run", "--vec-budget", "190"}, "--vec-budget");
  refuse({"run", "--slots", "0"}, "--slots");
  refuse({"run", "--cache-rows", "16"}, "start_pos: expected 0 to ");
  refuse({"run", "--cache-rows", "256", "--topk", "300"}, "topk: expected 1 to 256, found 300");
  refuse({"compare", "baseline", "merged:grup=2"}, "found 'grup'");
  refuse({"compare", "--form", "merged"}, "--form");
  refuse({"memory", "--optimization", "none"}, "--optimization");
}

TEST(NpuVerbs, ThatDoNotExistAreRefused) {
  expect_refusal(run_tool({"npu", "tune"}), 2, "no verb 'tune'; try fulgurite npu --help");
  const ToolRun run = run_tool({"npu"});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_TRUE(contains(run.err, "Usage: fulgurite npu [OPTIONS] SUBCOMMAND")) << run.err;
}

TEST(NpuVerbs, PrintLinesOfAtMostAHundredColumns) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"run"},
                                                {"memory"},
                                                {"memory", "--scope", "score_store"},
                                                {"hazards"},
                                                {"schedule"},
                                                {"compare"}}) {
    std::istringstream lines(npu_text(words));
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100) << line;
  }
}

}  // namespace
}  // namespace fulgurite::app::test
