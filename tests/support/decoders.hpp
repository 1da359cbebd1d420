#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "fulgurite/fulgurite.hpp"
#include "indexer/reference_step.hpp"
#include "support/random.hpp"

namespace fulgurite::testing {

/// Random weights of a shape, and the memory behind their views.
struct TestWeights {
  TestWeights(const ModelShape& shape, Random& random, Values values, bool general_hadamard = false,
              const Recipe& recipe = Recipe::seed_int8());
  /// From now on wq_b is of E4M3, with scales of fp32 or E8M0.
  void use_block_scales(Random& random, bool as_exponents);
  [[nodiscard]] IndexerWeights views() const;

  ModelShape shape;
  Recipe recipe;
  std::vector<Bf16> wq_b_bf16;  ///< of recipes without int8 rows
  std::vector<std::uint8_t> wq_b_e4m3, block_exponents;
  std::vector<float> block_scales;
  std::vector<std::int8_t> wq_b;
  std::vector<float> wq_b_scale;
  std::vector<Bf16> weights_proj, wkv, wgate, hadamard;
  std::vector<float> ape, norm;
};

/// The inputs of a sequence's tokens, made up front: how they are cut into steps is then free.
struct TestTokens {
  TestTokens(const ModelShape& shape, std::int64_t count, Random& random, Values values);

  std::int64_t count;
  std::vector<Bf16> x;
  std::vector<std::int8_t> qr;
  std::vector<float> qr_scale;
  std::vector<Bf16> qr_bf16;
};

/// One step's batch, gathered from several sequences' tokens.
class TestBatch {
 public:
  explicit TestBatch(const ModelShape& shape) : shape_(shape) {}
  /// Tokens first .. first + count - 1 of the sequence, of which the first `unselected` select
  /// nothing: their qr is garbage.
  void add(std::int64_t sequence, const TestTokens& tokens, std::int64_t first, std::int64_t count,
           std::int64_t unselected = 0);
  [[nodiscard]] DecodeBatch views() const;

 private:
  ModelShape shape_;
  std::vector<SequenceTokens> sequences_;
  std::vector<Bf16> x_;
  std::vector<std::int8_t> qr_;
  std::vector<float> qr_scale_;
  std::vector<Bf16> qr_bf16_;
};

/// The definition, decoding: one state per sequence.
class ReferenceDecoder {
 public:
  ReferenceDecoder(const TestWeights& weights, std::int64_t sequences, int slots);
  reference::StepResult decode(const DecodeBatch& batch);
  [[nodiscard]] const reference::SequenceState& state(std::int64_t sequence) const {
    return states_[static_cast<std::size_t>(sequence)];
  }
  /// What rewinds and forks change: rows go and states are copied.
  [[nodiscard]] reference::SequenceState& state(std::int64_t sequence) {
    return states_[static_cast<std::size_t>(sequence)];
  }

 private:
  reference::Model model_;
  int slots_;
  std::vector<reference::SequenceState> states_;
};

/// Platform cpu, decoding.
struct CpuDecoder {
  CpuDecoder(const TestWeights& weights, const KeyCacheOptions& cache, int slots, Isa isa,
             std::shared_ptr<Executor> executor,
             std::int64_t workspace_bytes = IndexerOptions{}.workspace_bytes);
  /// Selection with scores and all logits.
  Selection decode(const DecodeBatch& batch);

  Indexer indexer;
  KeyCache keys;
  CompressorState state;
  StepReport report;
};

/// Decodes tokens first .. first + count - 1 and gives what they select, places without a row
/// included.
std::vector<std::int32_t> decode_some(CpuDecoder& cpu, std::int64_t sequence,
                                      const TestTokens& tokens, std::int64_t first,
                                      std::int64_t count);

/// Every ISA that this machine has.
std::vector<Isa> available_isas();

/// "" if both decoders say the same of the step, to the bit; else where they first differ.
std::string difference(const reference::StepResult& expected, const Selection& found,
                       std::int64_t offset);
/// The same for a sequence's key rows and compressor state.
std::string difference(const reference::SequenceState& expected, const KeyCache& keys,
                       const CompressorState& state, std::int64_t sequence);
std::string difference(const reference::SequenceState& expected, const CpuDecoder& found,
                       std::int64_t sequence);

/// Equal in every bit, so that NaN equals itself and +0 differs from -0.
bool same_bits(float a, float b);

}  // namespace fulgurite::testing
