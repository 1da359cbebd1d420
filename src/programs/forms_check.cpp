#include <algorithm>
#include <limits>
#include <string>

#include "core/checked.hpp"
#include "fulgurite/error.hpp"
#include "programs/forms.hpp"

// What sizes and options are refused.

namespace fulgurite::programs {
namespace {

void expect_range(const char* what, Index value, Index least, Index most) {
  if (value >= least && value <= most) return;
  throw Error(ErrorKind::input, std::string(what) + ": expected " + std::to_string(least) + " to " +
                                    std::to_string(most) + ", found " + std::to_string(value));
}

[[noreturn]] void refuse(std::string_view what, const std::string& expected,
                         const std::string& found) {
  throw Error(ErrorKind::usage, std::string(what) + ": expected " + expected + ", found " + found);
}

void expect_divisor(std::string_view what, Index value, std::string_view of, Index extent,
                    bool is_even = false) {
  if (value > 0 && extent % value == 0 && (!is_even || value % 2 == 0)) return;
  refuse(what,
         std::string(is_even ? "an even" : "a") + " divisor of " + std::string(of) + " = " +
             std::to_string(extent),
         std::to_string(value));
}

void expect_between(std::string_view what, Index value, Index least, Index most) {
  if (value >= least && value <= most) return;
  refuse(what, std::to_string(least) + " to " + std::to_string(most), std::to_string(value));
}

void expect_positive(std::string_view what, Index value) {
  if (value <= 0) refuse(what, "a positive integer", std::to_string(value));
}

void check_tiling(const Tiling& tiling, const ProgramShape& shape) {
  const Index tokens = shape.tokens();
  expect_divisor("query_columns", tiling.query_columns, "H * 128", shape.features());
  expect_divisor("query_k_step", tiling.query_k_step, "Q", shape.query_rank, true);
  expect_divisor("query_row_chunk", tiling.query_row_chunk, "T", tokens);
  expect_divisor("group", tiling.group, "T", tokens);
  expect_divisor("rope_group", tiling.rope_group, "T", tokens);
  const Index rope_rows = shape.heads * tiling.rope_group;
  expect_divisor("rope_row_chunk", tiling.rope_row_chunk, "H * rope_group", rope_rows);
  expect_divisor("rope_k_step", tiling.rope_k_step, "rope pairs", kRopePairs, true);
  expect_divisor("hadamard_row_chunk", tiling.hadamard_row_chunk, "H * rope_group", rope_rows);
  expect_divisor("feature_chunk", tiling.feature_chunk, "features of a head", kHeadDim);
  expect_divisor("weights_k_step", tiling.weights_k_step, "D", shape.hidden, true);
  expect_between("cache_tile", tiling.cache_tile, 1, std::max<Index>(32, shape.cache_rows));
  expect_divisor("batch_group", tiling.batch_group, "B", shape.sequences);
  expect_divisor("compressor_k_step", tiling.compressor_k_step, "D", shape.hidden, true);
  expect_divisor("compressor_columns", tiling.compressor_columns, "features of a head", kHeadDim);
  expect_divisor("pool_chunk", tiling.pool_chunk, "features of a head", kHeadDim);
  expect_divisor("compressor_rope_k_step", tiling.compressor_rope_k_step, "rope pairs", kRopePairs,
                 true);
  expect_positive("stage", tiling.stage);
}

}  // namespace

void ProgramShape::validate() const {
  constexpr Index kMost = std::numeric_limits<std::int32_t>::max();
  expect_range("sequences B", sequences, 1, kMost);
  expect_range("tokens S", tokens_each, 1, kMost);
  core::checked_multiply("tokens B*S", sequences, tokens_each);
  ModelShape{.hidden = hidden, .query_rank = query_rank, .heads = heads, .topk = topk}.validate();
  expect_range("cache rows L", cache_rows, 1, kMost);
  expect_range("topk", topk, 1, cache_rows);
  const Index positions = kRatio * cache_rows + kRatio - 1;
  expect_range("tokens S, for the cache's rows", tokens_each, 1, positions);
  expect_range("start_pos", start_pos, 0, positions - tokens_each);
  expect_range("offset", offset, 0, kMost - cache_rows);
}

void ProgramOptions::validate(const ProgramShape& shape) const {
  check_tiling(tiling, shape);
  if (one_query_loop && fused.qr_hadamard) {
    refuse("one_query_loop", "qr_hadamard not fused", "it fused");
  }
  if (one_query_loop && tiling.group != tiling.rope_group) {
    refuse("group", "rope_group = " + std::to_string(tiling.rope_group) + " in one query loop",
           std::to_string(tiling.group));
  }
  if (score_by_name && fused.score) refuse("score_by_name", "score not fused", "it fused");
  if (score_by_name && tiling.batch_group != 1) {
    refuse("batch_group", "1 where the score passes by name", std::to_string(tiling.batch_group));
  }
}

}  // namespace fulgurite::programs
