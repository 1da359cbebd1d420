#pragma once

#include <cstdint>
#include <vector>

#include "indexer/seed_contract.hpp"
#include "support/random.hpp"

namespace fulgurite::testing {

struct SeedSizes {
  std::int64_t batch = 2;
  std::int64_t tokens = 2;
  std::int64_t hidden = 64;
  std::int64_t query_rank = 32;
  std::int64_t heads = 8;
  std::int64_t rows = 16;
  std::int64_t start_pos = 30;
  std::int64_t topk = 8;
};

/// A random step of the seed contract, and the memory behind its views.
struct SeedCase {
  SeedCase(const SeedSizes& sizes, Random& random, Values values = Values::normal,
           bool general_hadamard = false);
  SeedCase(const SeedCase&) = delete;
  SeedCase& operator=(const SeedCase&) = delete;

  std::vector<Bf16> x, weights_proj, even_select, odd_select, hadamard, wkv, wgate, cache;
  std::vector<std::int8_t> qr, wq_b;
  std::vector<float> qr_scale, wq_b_scale, cos, sin, kv, kv_state, score_state, ape, norm;
  SeedInput input;
};

}  // namespace fulgurite::testing
