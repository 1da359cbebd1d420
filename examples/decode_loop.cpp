// Decodes 1,000 tokens of 3 sequences that begin at different times and bring 1 to 3 tokens a step.
#include <cstdio>
#include <random>
#include <vector>

#include "fulgurite/fulgurite.hpp"

using namespace fulgurite;

namespace {

constexpr ModelShape kShape{.hidden = 512, .query_rank = 128, .heads = 64, .topk = 32};
constexpr std::int64_t kTokens = 1000;

/// Random data in place of a model's.
struct Source {
  std::mt19937 engine{1};
  float value() { return std::generate_canonical<float, 24>(engine) * 2 - 1; }
  std::vector<Bf16> bf16(std::int64_t count, float size) {
    std::vector<Bf16> values(static_cast<std::size_t>(count));
    for (Bf16& x : values) x = to_bf16(value() * size);
    return values;
  }
  std::vector<float> fp32(std::int64_t count, float size) {
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float& x : values) x = value() * size;
    return values;
  }
  std::vector<std::int8_t> int8(std::int64_t count) {
    std::vector<std::int8_t> values(static_cast<std::size_t>(count));
    for (auto& x : values) x = static_cast<std::int8_t>(value() * 127);
    return values;
  }
};

}  // namespace

int main() try {
  Source source;
  const std::int64_t features = kShape.heads * kHeadDim;
  const auto wq_b = source.int8(features * kShape.query_rank);
  const auto wq_b_scale = source.fp32(features, 0.01F);
  const auto weights_proj = source.bf16(kShape.heads * kShape.hidden, 0.05F);
  const auto wkv = source.bf16(kStateWidth * kShape.hidden, 0.05F);
  const auto wgate = source.bf16(kStateWidth * kShape.hidden, 0.05F);
  const auto ape = source.fp32(kRatio * kStateWidth, 1);
  const auto norm = source.fp32(kHeadDim, 1);
  const Indexer indexer(kShape,
                        {.wq_b = {wq_b.data(), {features, kShape.query_rank}},
                         .wq_b_scale = {wq_b_scale.data(), {features}},
                         .weights_proj = {weights_proj.data(), {kShape.heads, kShape.hidden}},
                         .wkv = {wkv.data(), {kStateWidth, kShape.hidden}},
                         .wgate = {wgate.data(), {kStateWidth, kShape.hidden}},
                         .ape = {ape.data(), {kRatio, kStateWidth}},
                         .norm = {norm.data(), {kHeadDim}}});
  KeyCache keys({.sequences = 3, .pages = 3 * 4, .page_rows = 64});
  CompressorState state({.sequences = 3});

  std::int64_t steps = 0;
  std::int64_t selected = 0;
  for (; state.length(0) + state.length(1) + state.length(2) < kTokens; ++steps) {
    DecodeBatch batch;
    std::int64_t left = kTokens - state.length(0) - state.length(1) - state.length(2);
    for (std::int64_t sequence = 0; sequence < 3; ++sequence) {
      if (steps < 20 * sequence) continue;  // it has not begun yet
      const std::int64_t tokens = std::min<std::int64_t>(left, 1 + (steps + sequence) % 3);
      batch.sequences.push_back(
          {.sequence = sequence, .position = state.length(sequence), .tokens = tokens});
      left -= tokens;
    }
    const auto x = source.bf16(batch.tokens() * kShape.hidden, 1);
    const auto qr = source.int8(batch.tokens() * kShape.query_rank);
    const std::vector<float> qr_scale(static_cast<std::size_t>(batch.tokens()), 0.01F);
    batch.x = {x.data(), {batch.tokens(), kShape.hidden}};
    batch.qr = {qr.data(), {batch.tokens(), kShape.query_rank}};
    batch.qr_scale = {qr_scale.data(), {batch.tokens()}};
    Selection picks(kShape, batch.tokens());
    indexer.decode(batch, keys, state, picks);
    for (std::int64_t token = 0; token < picks.tokens(); ++token) {
      selected += static_cast<std::int64_t>(picks.rows(token).size());
    }
  }
  std::printf("%lld tokens in %lld steps on %s; %.1f rows selected a token\n",
              static_cast<long long>(kTokens), static_cast<long long>(steps),
              std::string(name(indexer.isa())).c_str(),
              static_cast<double>(selected) / static_cast<double>(kTokens));
  return 0;
} catch (const Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
