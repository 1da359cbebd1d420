// One decode step on one's own weights: a sequence's first four tokens, which close a window.
#include <cstdio>

#include "fulgurite/fulgurite.hpp"
using namespace fulgurite;

int main() {
  const ModelShape shape{.hidden = 256, .query_rank = 64, .heads = 8, .topk = 4};
  const std::vector<std::int8_t> codes(8 * 128 * 64, 3);     // yours: wq_b, qr
  const std::vector<Bf16> bf16s(256 * 256, to_bf16(0.01F));  // yours: three matrices, x
  const std::vector<float> ones(1024, 1.F);                  // yours: scales, ape, norm
  const Indexer indexer(shape, {.wq_b = {codes.data(), {8 * 128, 64}},
                                .wq_b_scale = {ones.data(), {8 * 128}},
                                .weights_proj = {bf16s.data(), {8, 256}},
                                .wkv = {bf16s.data(), {256, 256}},
                                .wgate = {bf16s.data(), {256, 256}},
                                .ape = {ones.data(), {4, 256}},
                                .norm = {ones.data(), {128}}});
  KeyCache keys({.sequences = 1, .pages = 16});
  CompressorState state({.sequences = 1});
  const DecodeBatch batch{.sequences = {{.sequence = 0, .position = 0, .tokens = 4}},
                          .x = {bf16s.data(), {4, 256}},
                          .qr = {codes.data(), {4, 64}},
                          .qr_scale = {ones.data(), {4}}};
  Selection picks(shape, batch.tokens());
  indexer.decode(batch, keys, state, picks);
  std::printf("token 3 selects row %d\n", picks.rows(3)[0]);
}
