// When `fulgurite check` calls two outputs the same selection.
#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "step_file.hpp"
#include "tool.hpp"

namespace fulgurite::app::test {
namespace {

constexpr std::size_t kRows = 12;  // of which 8 are visible
constexpr std::size_t kPicks = 5;  // of each token
constexpr std::int32_t kOffset = 128;

/// One token's scores and picks within a step's output.
struct Token {
  StepFile& file;
  std::size_t token;

  [[nodiscard]] float score(std::int32_t pick) const {
    return get<float>("score", static_cast<std::size_t>(pick - kOffset));
  }
  void set_score(std::int32_t pick, float value) const {
    file["score"].set(token * kRows + static_cast<std::size_t>(pick - kOffset), value);
  }
  [[nodiscard]] std::int32_t pick(std::size_t place) const {
    return get<std::int32_t>("topk_idxs", place);
  }
  void set_pick(std::size_t place, std::int32_t pick) const {
    file["topk_idxs"].set(token * kRows + place, pick);
  }
  void swap_picks(std::size_t place) const {
    const std::int32_t first = pick(place);
    set_pick(place, pick(place + 1));
    set_pick(place + 1, first);
  }
  /// The visible row that comes next after the picks.
  [[nodiscard]] std::int32_t best_left_out() const {
    std::int32_t best = -1;
    for (std::int32_t row = kOffset; row < kOffset + 8; ++row) {
      bool picked = false;
      for (std::size_t place = 0; place < kPicks; ++place) picked |= pick(place) == row;
      if (!picked && (best < 0 || score(row) > score(best))) best = row;
    }
    return best;
  }

 private:
  template <class T>
  [[nodiscard]] T get(const char* name, std::size_t index) const {
    T value;
    std::memcpy(&value, file[name].bytes.data() + (token * kRows + index) * sizeof(T), sizeof(T));
    return value;
  }
};

class Check : public testing::Test {
 protected:
  void SetUp() override {
    const std::string input = (folder_ / "in").string();
    small_step().write(input);
    const ToolRun run =
        run_tool({"step", "--input", input, "--output", a_, "--platform", "reference"});
    ASSERT_EQ(run.exit_code, 0) << run.err;
    file_a_ = StepFile::read(a_);
    file_b_ = file_a_;
  }

  /// Of the two files as they stand now.
  ToolRun check(const std::vector<std::string>& more = {}) {
    file_a_.write(a_);
    file_b_.write(b_);
    std::vector<std::string> words{"check", a_, b_};
    words.insert(words.end(), more.begin(), more.end());
    return run_tool(words);
  }
  void expect_same(const std::string& words, const std::vector<std::string>& more = {}) {
    const ToolRun run = check(more);
    EXPECT_EQ(run.exit_code, 0) << run.out << run.err;
    EXPECT_NE(run.out.find(words), run.out.npos) << run.out << "lacks: " << words;
    EXPECT_TRUE(run.out.ends_with(": yes\n")) << run.out;
  }
  void expect_different(const std::string& words, const std::vector<std::string>& more = {}) {
    const ToolRun run = check(more);
    EXPECT_EQ(run.exit_code, 1) << run.out << run.err;
    EXPECT_NE(run.out.find(words), run.out.npos) << run.out << "lacks: " << words;
    EXPECT_TRUE(run.out.ends_with(": NO\n")) << run.out;
  }

  io::test::TemporaryFolder folder_;
  std::string a_ = (folder_ / "a.safetensors").string();
  std::string b_ = (folder_ / "b.safetensors").string();
  StepFile file_a_;
  StepFile file_b_;
  Token first_a_{file_a_, 0};
  Token first_b_{file_b_, 0};
  Token last_b_{file_b_, 3};
};

TEST_F(Check, AnOutputIsTheSameAsItself) {
  expect_same("4 tokens: 4 select the same rows in the same order", {"--rtol", "0"});
}

TEST_F(Check, TiedRowsMaySwapPlaces) {
  for (const Token& token : {first_a_, first_b_}) {
    token.set_score(token.pick(2), token.score(token.pick(1)));
  }
  first_b_.swap_picks(1);
  expect_same("3 select the same rows in the same order, 1 in another order", {"--rtol", "0"});
}

TEST_F(Check, RowsOfDifferentScoresMayNot) {
  first_b_.swap_picks(1);
  expect_different("selection first differs at token [0,0], place 1: A selects " +
                   std::to_string(first_a_.pick(1)) + ", B " + std::to_string(first_a_.pick(2)));
}

TEST_F(Check, ADifferenceInTheLastTokenIsFoundAndNamed) {
  last_b_.swap_picks(3);
  expect_different("selection first differs at token [1,1], place 3");
}

TEST_F(Check, ARowThatTiesWithTheLastMayTakeItsPlace) {
  const std::int32_t other = first_a_.best_left_out();
  for (const Token& token : {first_a_, first_b_}) {
    token.set_score(other, token.score(token.pick(kPicks - 1)));
  }
  first_b_.set_pick(kPicks - 1, other);
  expect_same("1 other rows that tie", {"--rtol", "0"});
}

TEST_F(Check, AWorseRowMayNotTakeThePlaceOfTheLast) {
  first_b_.set_pick(kPicks - 1, first_b_.best_left_out());
  expect_different("place 4: A selects ");
}

TEST_F(Check, NearTiesAreTiesWithinTheTolerance) {
  const float score = first_a_.score(first_a_.pick(1));
  first_a_.set_score(first_a_.pick(2), std::nextafter(score, -1e30F));
  first_b_.set_score(first_b_.pick(2), std::nextafter(score, 1e30F));
  first_b_.swap_picks(1);
  expect_same("1 in another order");
  expect_different("place 1", {"--rtol", "0"});
}

TEST_F(Check, ScoresMayDifferByTheToleranceAndNoMore) {
  const std::int32_t best = first_a_.pick(0);
  first_b_.set_score(best, first_a_.score(best) * 1.0001F);
  expect_different("score first differs at [0,0," + std::to_string(best - kOffset) + "]");
  expect_same("within tolerance", {"--rtol", "1e-3"});
}

TEST_F(Check, PicksThatAreNoSelectionAreDifferent) {
  first_b_.set_pick(1, first_b_.pick(0));
  expect_different("B selects " + std::to_string(first_b_.pick(0)) + " twice");
  file_b_ = file_a_;
  first_b_.set_pick(4, kOffset + 8);
  expect_different("B selects 136, which is none of the 8 rows seen from offset 128");
  file_b_ = file_a_;
  first_b_.set_pick(4, kOffset - 1);
  expect_different("B selects 127");
  file_b_ = file_a_;
  first_b_.set_pick(4, std::numeric_limits<std::int32_t>::min());
  expect_different("B selects -2147483648");
  file_b_ = file_a_;
  first_b_.set_pick(4, -1);
  expect_different("A selects 5 rows, B 4");
  file_b_ = file_a_;
  first_b_.set_pick(7, 130);
  expect_different("B selects a row after the padding");
}

TEST_F(Check, BothWrongInTheSameWayAreStillNoSelection) {
  for (const Token& token : {first_a_, first_b_}) token.set_pick(4, kOffset + 8);
  expect_different("A selects 136");
}

TEST_F(Check, AScoreOfNanMatchesOnlyNan) {
  const std::int32_t worst = first_b_.best_left_out();
  first_b_.set_score(worst, std::numeric_limits<float>::quiet_NaN());
  expect_different("score first differs");
  first_a_.set_score(worst, std::numeric_limits<float>::quiet_NaN());
  expect_same("4 select the same rows");
}

TEST_F(Check, ASeenRowNeverMatchesPadding) {
  first_b_.set_score(kOffset + 8, -1e38F);
  expect_different("-3.40282347e+38 in A, ", {"--rtol", "1"});
}

TEST_F(Check, ARowOfTheCacheMayDifferByOneStepOfBf16) {
  OwnTensor& cache = file_b_["idx_kv_cache"];
  std::uint16_t bits = 0;
  std::memcpy(&bits, cache.bytes.data() + 200, 2);
  cache.set<std::uint16_t>(100, bits + 1);
  expect_same("within tolerance");
  cache.set<std::uint16_t>(100, bits ^ 0x8000);
  expect_different("idx_kv_cache first differs at [0,0,100]");
}

TEST_F(Check, StatesMustAgreeToo) {
  for (const char* name : {"inner_kv", "inner_kv_state", "inner_score_state"}) {
    file_b_ = file_a_;
    file_b_[name].set(7, 12345.F);
    expect_different(std::string(name) + " first differs at [0,0,7]");
  }
}

TEST_F(Check, AnotherShapeOrDtypeIsADifference) {
  file_b_["score"].reshape({2, 2, 11});
  expect_different("score: F32 [2,2,12] in A, F32 [2,2,11] in B");
  file_b_ = file_a_;
  file_b_["inner_kv"].dtype = io::Dtype::i32;
  expect_different("inner_kv: F32 [2,2,128] in A, I32 [2,2,128] in B");
}

TEST_F(Check, FilesThatAreNoOutputsAreUnreadable) {
  file_b_.remove("inner_kv");
  expect_refusal(check(), 3, b_ + ": inner_kv: expected F32 [B,S,128], found no tensor");
  file_a_["score"].dtype = file_b_["score"].dtype = io::Dtype::i32;
  file_b_ = file_a_;
  expect_refusal(check(), 3, a_ + ": score: expected F32 [B,S,L], found I32 [2,2,12]");
  expect_refusal(run_tool({"check", a_, (folder_ / "none").string()}), 3, "none: ");
  expect_refusal(run_tool({"check", a_, folder_.path().string()}), 3, "directory");
}

TEST_F(Check, WrongUsageIsExitCode2) {
  expect_refusal(run_tool({"check", a_}), 2, "B");
  expect_refusal(check({"--rtol", "-1"}), 2, "--rtol");
  expect_refusal(check({"--rtol", "nan"}), 2, "--rtol");
  expect_refusal(check({"--rtol", "x"}), 2, "--rtol");
}

TEST_F(Check, TheOffsetFollowsFromAOrIsGiven) {
  expect_same("4 select", {"--offset", "128"});
  expect_different("none of the 8 rows seen from offset 0", {"--offset", "0"});
}

TEST_F(Check, JsonHasTheVerdictAndEveryTensor) {
  first_b_.swap_picks(1);
  const ToolRun run = check({"--json"});
  EXPECT_EQ(run.exit_code, 1);
  const auto json = nlohmann::json::parse(run.out);
  EXPECT_EQ(json["same"], false);
  ASSERT_EQ(json["tensors"].size(), 6);
  EXPECT_EQ(json["tensors"][1]["verdict"], "equal");
  EXPECT_EQ(json["tensors"][2]["tensor"], "topk_idxs");
  EXPECT_EQ(json["tensors"][2]["differing"], 2);
  EXPECT_EQ(json["tensors"][2]["first"]["index"], nlohmann::json({0, 0, 1}));
  EXPECT_EQ(json["selection"]["equal"], 3);
  EXPECT_EQ(json["selection"]["different"], 1);
}

}  // namespace
}  // namespace fulgurite::app::test
