// The numbers of the programs: one form against another bit for bit, and against the definition.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "fulgurite/selection.hpp"
#include "programs/seed_program.hpp"
#include "support/seed_case.hpp"

namespace fulgurite::programs {
namespace {

using testing::Random;
using testing::SeedCase;
using testing::SeedSizes;
using testing::Values;

template <class T>
std::string first_difference(const char* what, const std::vector<T>& expected,
                             const std::vector<T>& found) {
  if (expected.size() != found.size()) return std::string(what) + ": sizes differ";
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (std::memcmp(&expected[i], &found[i], sizeof(T)) == 0) continue;
    return std::string(what) + " differs at " + std::to_string(i);
  }
  return "";
}

std::string difference(const SeedOutput& expected, const SeedOutput& found) {
  for (const std::string& text :
       {first_difference("idx_kv_cache", expected.idx_kv_cache, found.idx_kv_cache),
        first_difference("inner_kv", expected.inner_kv, found.inner_kv),
        first_difference("inner_kv_state", expected.inner_kv_state, found.inner_kv_state),
        first_difference("inner_score_state", expected.inner_score_state, found.inner_score_state),
        first_difference("score", expected.score, found.score),
        first_difference("topk_idxs", expected.topk_idxs, found.topk_idxs)}) {
    if (!text.empty()) return text;
  }
  return "";
}

SeedSizes random_sizes(Random& random) {
  SeedSizes sizes;
  sizes.batch = random.integer(1, 9);
  sizes.tokens = random.integer(1, 6);
  sizes.hidden = 16 * random.integer(1, 8);
  sizes.query_rank = 16 * random.integer(1, 6);
  sizes.heads = 8 * random.integer(1, 4);
  sizes.rows = random.integer(3, 150);
  sizes.start_pos = random.integer(0, 4 * sizes.rows + 3 - sizes.tokens);
  sizes.topk = random.chance(4) ? 1 : random.integer(1, 160);
  return sizes;
}

std::string to_text(const SeedSizes& sizes) {
  return "B " + std::to_string(sizes.batch) + " S " + std::to_string(sizes.tokens) + " D " +
         std::to_string(sizes.hidden) + " Q " + std::to_string(sizes.query_rank) + " H " +
         std::to_string(sizes.heads) + " L " + std::to_string(sizes.rows) + " start_pos " +
         std::to_string(sizes.start_pos) + " topk " + std::to_string(sizes.topk);
}

/// A divisor of `extent`, a multiple of `unit`.
Index any_divisor(Random& random, Index extent, Index unit = 1) {
  std::vector<Index> found;
  for (Index d = unit; d <= extent; d += unit) {
    if (extent % d == 0) found.push_back(d);
  }
  return found[static_cast<std::size_t>(
      random.integer(0, static_cast<std::int64_t>(found.size()) - 1))];
}

tile::SplitMode any_split(Random& random) {
  return static_cast<tile::SplitMode>(random.integer(0, 2));
}

Tiling random_tiling(Random& random, const ProgramShape& shape) {
  Tiling tiling;
  tiling.query_columns = any_divisor(random, shape.features(), 8);
  tiling.query_k_step = any_divisor(random, shape.query_rank, 2);
  tiling.query_row_chunk = any_divisor(random, shape.tokens());
  tiling.group = any_divisor(random, shape.tokens());
  tiling.rope_group = any_divisor(random, shape.tokens());
  const Index rope_rows = shape.heads * tiling.rope_group;
  tiling.rope_row_chunk = any_divisor(random, rope_rows, 4);
  tiling.rope_k_step = any_divisor(random, kRopePairs, 2);
  tiling.hadamard_row_chunk = any_divisor(random, rope_rows, 4);
  tiling.feature_chunk = any_divisor(random, kHeadDim, 8);
  tiling.weights_k_step = any_divisor(random, shape.hidden, 2);
  tiling.cache_tile = random.integer(1, std::max<Index>(32, shape.cache_rows));
  tiling.batch_group = any_divisor(random, shape.sequences);
  tiling.compressor_k_step = any_divisor(random, shape.hidden, 2);
  tiling.compressor_columns = any_divisor(random, kHeadDim, 16);
  tiling.pool_chunk = any_divisor(random, kHeadDim, 4);
  tiling.compressor_rope_k_step = any_divisor(random, kRopePairs, 2);
  tiling.stage = random.integer(1, 4);
  return tiling;
}

ProgramOptions random_options(Random& random, const ProgramShape& shape) {
  const auto flag = [&] { return random.chance(2); };
  ProgramOptions options;
  options.fused = {flag(), flag(), flag(), flag(), flag(), flag(), flag()};
  options.split = {any_split(random), any_split(random), any_split(random), any_split(random),
                   any_split(random), any_split(random), any_split(random)};
  options.tiling = random_tiling(random, shape);
  options.rope_in_place = flag();
  options.auto_chunk = flag();
  options.one_query_loop = !options.fused.qr_hadamard && flag();
  if (options.one_query_loop) options.tiling.group = options.tiling.rope_group;
  options.score_by_name = !options.fused.score && flag();
  if (options.score_by_name) options.tiling.batch_group = 1;
  return options;
}

class EveryForm : public ::testing::TestWithParam<Values> {};

TEST_P(EveryForm, AndEveryTilingGivesTheSameBits) {
  Random random(21);
  for (Index round = 0; round < testing::share_of(25); ++round) {
    const SeedSizes sizes = random_sizes(random);
    SCOPED_TRACE(to_text(sizes));
    SeedCase step(sizes, random, GetParam(), random.chance(3));
    step.input.inner_rotate = !random.chance(4);
    const SeedOutput merged = run(step.input, Form::merged).output;
    for (const Form form : kForms) {
      ASSERT_EQ(difference(merged, run(step.input, form).output), "") << name(form);
    }
    for (int variant = 0; variant < 4; ++variant) {
      const ProgramOptions options = random_options(random, shape_of(step.input));
      ASSERT_EQ(difference(merged, run(step.input, options).output), "") << variant;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Values, EveryForm,
                         ::testing::Values(Values::normal, Values::grid, Values::extreme,
                                           Values::wild));

/// Everything that is only moved or is one Dot must be equal; the rest has other roundings.
void expect_near(const SeedInput& input, const SeedOutput& expected, const SeedOutput& found) {
  EXPECT_EQ(expected.inner_kv_state, found.inner_kv_state);
  EXPECT_EQ(expected.inner_score_state, found.inner_score_state);
  const Index rows = input.cache_rows();
  const bool closes = input.start_pos % kRatio + input.tokens_each() >= kRatio;
  const Index new_row = closes ? input.start_pos / kRatio : -1;
  double norm = 0;
  double distance = 0;
  for (Index at = 0; at < input.batch() * rows * kHeadDim; ++at) {
    const auto i = static_cast<std::size_t>(at);
    if (at / kHeadDim % rows != new_row) {
      ASSERT_EQ(expected.idx_kv_cache[i].bits, found.idx_kv_cache[i].bits) << at;
      continue;
    }
    const double x = static_cast<double>(to_float(expected.idx_kv_cache[i]));
    norm += x * x;
    distance += std::pow(x - static_cast<double>(to_float(found.idx_kv_cache[i])), 2);
  }
  EXPECT_LE(std::sqrt(distance), 0.008 * std::sqrt(norm));  // a few bf16 roundings that flip
  const Index visible = input.visible_rows();
  for (Index t = 0; t < input.tokens(); ++t) {
    const float* const reference = expected.score.data() + t * rows;
    const float* const scores = found.score.data() + t * rows;
    double largest = 0;
    for (Index row = 0; row < visible; ++row) {
      largest = std::max(largest, std::fabs(static_cast<double>(reference[row])));
    }
    for (Index row = 0; row < rows; ++row) {
      if (row >= visible) {
        ASSERT_EQ(scores[row], kUnseenScore);
        continue;
      }
      // A flipped code moves a score by about a 127th of a head's share.
      const double bound = (row == new_row ? 0.03 : 1e-2) * largest + 1e-30;
      ASSERT_NEAR(static_cast<double>(scores[row]), static_cast<double>(reference[row]), bound)
          << "token " << t << " row " << row;
    }
  }
}

/// The selection of each token follows from its own scores: best first, ties by row, then -1.
void expect_selection(const SeedInput& input, const SeedOutput& output) {
  const Index rows = input.cache_rows();
  const Index visible = input.visible_rows();
  const Index count = std::min(input.topk, visible);
  for (Index t = 0; t < input.tokens(); ++t) {
    const float* const scores = output.score.data() + t * rows;
    std::vector<std::int32_t> order(static_cast<std::size_t>(visible));
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int32_t>(i);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::int32_t a, std::int32_t b) { return scores[a] > scores[b]; });
    for (Index k = 0; k < rows; ++k) {
      const std::int32_t expected =
          k < count ? static_cast<std::int32_t>(order[static_cast<std::size_t>(k)] + input.offset)
                    : kNoRow;
      ASSERT_EQ(output.topk_idxs[static_cast<std::size_t>(t * rows + k)], expected)
          << "token " << t << " place " << k;
    }
  }
}

TEST(Program, IsTheDefinitionButForRounding) {
  Random random(22);
  for (Index round = 0; round < testing::share_of(60); ++round) {
    const SeedSizes sizes = random_sizes(random);
    SCOPED_TRACE(to_text(sizes));
    SeedCase step(sizes, random, round % 2 == 0 ? Values::normal : Values::grid);
    step.input.inner_rotate = !random.chance(4);
    const SeedRun found = run(step.input, Form::merged);
    ASSERT_NO_FATAL_FAILURE(
        expect_near(step.input, reference::seed_step(step.input), found.output));
    ASSERT_NO_FATAL_FAILURE(expect_selection(step.input, found.output));
    EXPECT_TRUE(found.trace.findings.empty());
  }
}

TEST(Program, RunsForEveryPositionOfAWindowAndManyTokens) {
  Random random(23);
  for (std::int64_t start_pos = 0; start_pos < 9; ++start_pos) {
    for (std::int64_t tokens = 1; tokens < 10; ++tokens) {
      SeedCase step({.batch = 2, .tokens = tokens, .start_pos = start_pos}, random);
      SCOPED_TRACE("S " + std::to_string(tokens) + " start_pos " + std::to_string(start_pos));
      const SeedOutput found = run(step.input, Form::merged).output;
      ASSERT_NO_FATAL_FAILURE(expect_near(step.input, reference::seed_step(step.input), found));
      ASSERT_NO_FATAL_FAILURE(expect_selection(step.input, found));
    }
  }
}

TEST(Program, MergesRunsForEveryLengthOfTheCache) {
  Random random(24);
  for (const std::int64_t rows : {1, 31, 32, 33, 64, 65, 127, 128, 256, 300, 512, 1024, 2048}) {
    SeedCase step({.batch = 1, .tokens = 1, .rows = rows, .start_pos = 4 * rows - 1, .topk = rows},
                  random, Values::grid);
    SCOPED_TRACE(rows);
    for (const Form form : {Form::merged, Form::per_token}) {
      const SeedOutput found = run(step.input, form).output;
      ASSERT_NO_FATAL_FAILURE(expect_selection(step.input, found));
    }
  }
}

TEST(Program, LeavesItsInputAlone) {
  Random random(25);
  SeedCase step({}, random);
  const auto cache = step.cache;
  const auto kv_state = step.kv_state;
  const SeedOutput first = run(step.input, Form::merged).output;
  EXPECT_EQ(first_difference("cache", cache, step.cache), "");
  EXPECT_EQ(kv_state, step.kv_state);
  EXPECT_EQ(difference(first, run(step.input, Form::merged).output), "");
}

TEST(Program, HasTheSameTraceWithAndWithoutNumbers) {
  Random random(26);
  SeedCase step({.batch = 3, .tokens = 3, .rows = 40, .start_pos = 110}, random);
  for (const Form form : kForms) {
    EXPECT_TRUE(run(step.input, form).trace == trace(shape_of(step.input), form)) << name(form);
  }
}

TEST(Program, MakesTheSelectionMatricesAndTheKeysItself) {
  Random random(27);
  SeedCase step({}, random);
  const SeedOutput expected = run(step.input, Form::merged).output;
  step.input.even_select = {};
  step.input.odd_select = {};
  EXPECT_EQ(difference(expected, run(step.input, Form::merged).output), "");
  step.input.inner_kv = {};
  const SeedOutput found = run(step.input, Form::merged).output;
  EXPECT_EQ(first_difference("score", expected.score, found.score), "");
  EXPECT_EQ(found.inner_kv.back(), 0.F);
}

}  // namespace
}  // namespace fulgurite::programs
