#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "core/aligned_buffer.hpp"
#include "cpu/kernels.hpp"
#include "cpu/pack_weights.hpp"

// Two kernels of the generic path on fixed data, once each. count_instructions.py counts the
// instructions between the call of `score_once` or `query_once` and its return.

namespace fulgurite::cpu {

// Not inline and visible outside of this file, so that callgrind finds them by name.
[[gnu::noinline]] void score_once(const ScoreQuery& query, const KeyTable& keys, std::int64_t rows,
                                  float* out) {
  kGenericKernels.score(query, keys, 0, rows, out);
}
[[gnu::noinline]] void query_once(const QueryProjection& problem) {
  kGenericKernels.query(problem, 0, problem.columns);
}

namespace {

constexpr std::int64_t kHeadDim = 128;

// The engine's own values: what the standard's distributions make of them is not fixed.
std::vector<std::int8_t> draw_codes(std::mt19937& engine, std::int64_t count) {
  std::vector<std::int8_t> codes(static_cast<std::size_t>(count));
  for (std::int8_t& code : codes) code = static_cast<std::int8_t>(engine() >> 24);
  return codes;
}

/// One token of 64 heads and 256 rows.
float count_score() {
  constexpr std::int64_t kHeads = 64;
  constexpr std::int64_t kRows = 256;
  std::mt19937 engine(1);
  const std::vector<std::int8_t> heads = draw_codes(engine, kHeads * kHeadDim);
  const std::vector<std::int8_t> rows = draw_codes(engine, kRows * kHeadDim);
  std::vector<std::int32_t> order;
  std::vector<float> weights;
  for (std::int32_t head = 0; head < kHeads; ++head) {
    order.push_back(head);
    weights.push_back(head % 2 == 0 ? 0.5F : -0.25F);
  }
  core::AlignedBuffer<std::byte> words("words", kHeads * kHeadDim * 2);
  std::vector<std::int32_t> correction(kHeads);
  kGenericKernels.pack_query(heads.data(), order.data(), kHeads, words.data(), correction.data());
  const std::vector<float> scales(kRows, 0.125F);
  const KeyPage page{rows.data(), scales.data()};
  std::vector<float> scores(kRows);
  score_once({kHeads, words.data(), correction.data(), weights.data()}, {&page, kRows}, kRows,
             scores.data());
  return scores.back();
}

/// 8 tokens, Q 1,536, 512 columns.
std::uint16_t count_query() {
  constexpr std::int64_t kTokens = 8;
  constexpr std::int64_t kRank = 1536;
  constexpr std::int64_t kColumns = 512;
  std::mt19937 engine(2);
  const std::vector<std::int8_t> qr = draw_codes(engine, kTokens * kRank);
  const std::vector<std::int8_t> codes = draw_codes(engine, kColumns * kRank);
  core::AlignedBuffer<std::uint8_t> weights("weights", kColumns * kRank);
  pack_query_weights({codes.data(), {kColumns, kRank}}, 0, kColumns, weights.data());
  core::AlignedBuffer<std::byte> packed("qr", packed_qr_bytes(kTokens, kRank));
  std::vector<std::int32_t> correction(kTokens);
  kGenericKernels.pack_qr(qr.data(), kTokens, kRank, packed.data(), correction.data());
  const std::vector<float> row_scale(kTokens, 0.125F);
  const std::vector<float> column_scale(kColumns, 0.5F);
  std::vector<std::uint16_t> out(kTokens * kColumns);
  query_once({.tokens = kTokens,
              .query_rank = kRank,
              .columns = kColumns,
              .weights = weights.data(),
              .column_scale = column_scale.data(),
              .activations = packed.data(),
              .correction = correction.data(),
              .row_scale = row_scale.data(),
              .out = out.data()});
  return out.back();
}

}  // namespace
}  // namespace fulgurite::cpu

int main() {
  // Random codes give neither 0.
  return fulgurite::cpu::count_score() != 0 && fulgurite::cpu::count_query() != 0 ? 0 : 1;
}
