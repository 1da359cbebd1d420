#pragma once

#include <fmt/core.h>

#include <algorithm>
#include <string>
#include <vector>

#include "fulgurite/indexer.hpp"
#include "random_tensors.hpp"
#include "report/text.hpp"
#include "stage_table.hpp"

// Whole steps on random data, through the public interface.

namespace fulgurite::app {

/// A step: B sequences bring S tokens each, from this position on.
struct StepCase {
  ModelShape shape = ModelShape::v4_flash();
  Recipe recipe = Recipe::seed_int8();
  std::int64_t sequences = 1;
  std::int64_t tokens = 1;
  std::int64_t start_pos = 0;

  [[nodiscard]] std::int64_t rows() const { return (start_pos + tokens) / kRatio; }
  /// Else its weights and latent are bf16.
  [[nodiscard]] bool has_int8_query() const { return recipe == Recipe::seed_int8(); }
  /// Of a layer, packed.
  [[nodiscard]] std::int64_t weight_bytes() const {
    return (has_int8_query() ? 1 : 2) * shape.heads * kHeadDim * shape.query_rank +
           (2 * kStateWidth + shape.heads) * shape.hidden * 2;
  }
  [[nodiscard]] std::int64_t row_bytes() const { return sequences * rows() * (kHeadDim + 4); }
};

/// The case's weights, inputs, rows and states.
class StepData {
 public:
  explicit StepData(const StepCase& c) : case_(c) {
    RandomTensors tensors(1);
    const ModelShape& shape = c.shape;
    const std::int64_t tokens = c.sequences * c.tokens;
    const std::int64_t features = shape.heads * kHeadDim;
    const float scale = inverse_root(shape.query_rank) / kCodeDeviation;
    if (c.has_int8_query()) {
      wq_b_ = tensors.codes(features * shape.query_rank);
      wq_b_scale_ = tensors.floats(features, scale, 0.1F * scale);
      qr_ = tensors.codes(tokens * shape.query_rank);
      qr_scale_ = tensors.floats(tokens, 1 / kCodeDeviation, 0.1F / kCodeDeviation);
    } else {
      wq_b_bf16_ = tensors.bf16s(features * shape.query_rank, inverse_root(shape.query_rank));
      qr_bf16_ = tensors.bf16s(tokens * shape.query_rank, 1);
    }
    weights_proj_ = tensors.bf16s(shape.heads * shape.hidden, inverse_root(shape.hidden));
    wkv_ = tensors.bf16s(kStateWidth * shape.hidden, inverse_root(shape.hidden));
    wgate_ = tensors.bf16s(kStateWidth * shape.hidden, inverse_root(shape.hidden));
    ape_ = tensors.floats(std::int64_t{kRatio} * kStateWidth, 0, 0.1F);
    norm_ = tensors.floats(kHeadDim, 1, 0.1F);
    x_ = tensors.bf16s(tokens * shape.hidden, 1);
    rows_ = tensors.bf16s(c.rows() * kHeadDim, 1);
    for (std::int64_t i = 0; i < c.sequences; ++i) {
      batch_.sequences.push_back({.sequence = i, .position = c.start_pos, .tokens = c.tokens});
    }
    batch_.x = {x_.data(), {tokens, shape.hidden}};
    if (c.has_int8_query()) {
      batch_.qr = {qr_.data(), {tokens, shape.query_rank}};
      batch_.qr_scale = {qr_scale_.data(), {tokens}};
    } else {
      batch_.qr_bf16 = {qr_bf16_.data(), {tokens, shape.query_rank}};
    }
  }

  [[nodiscard]] IndexerWeights weights() const {
    const ModelShape& shape = case_.shape;
    IndexerWeights weights{.weights_proj = {weights_proj_.data(), {shape.heads, shape.hidden}},
                           .wkv = {wkv_.data(), {kStateWidth, shape.hidden}},
                           .wgate = {wgate_.data(), {kStateWidth, shape.hidden}},
                           .ape = {ape_.data(), {kRatio, kStateWidth}},
                           .norm = {norm_.data(), {kHeadDim}}};
    const std::int64_t features = shape.heads * kHeadDim;
    if (case_.has_int8_query()) {
      weights.wq_b = {wq_b_.data(), {features, shape.query_rank}};
      weights.wq_b_scale = {wq_b_scale_.data(), {features}};
    } else {
      weights.wq_b_bf16 = {wq_b_bf16_.data(), {features, shape.query_rank}};
    }
    return weights;
  }
  [[nodiscard]] KeyCache keys() const {
    constexpr std::int64_t kPageRows = 64;
    const std::int64_t pages = case_.rows() / kPageRows + 1;
    KeyCache keys(
        {.sequences = case_.sequences, .pages = case_.sequences * pages, .page_rows = kPageRows},
        case_.recipe);
    const std::int64_t before = case_.start_pos / kRatio;
    for (std::int64_t i = 0; i < case_.sequences && before > 0; ++i) {
      keys.store(i, 0, {rows_.data(), {before, kHeadDim}});
    }
    return keys;
  }
  [[nodiscard]] const DecodeBatch& batch() const { return batch_; }

 private:
  StepCase case_;
  std::vector<std::int8_t> wq_b_, qr_;
  std::vector<float> wq_b_scale_, ape_, norm_, qr_scale_;
  std::vector<Bf16> wq_b_bf16_, qr_bf16_, weights_proj_, wkv_, wgate_, x_, rows_;
  DecodeBatch batch_;
};

/// What the layers of a model keep: rows and states of their own.
struct Layer {
  KeyCache keys;
  CompressorState state;
};

/// So many layers run in turn that none finds its weights and rows in a cache, as in a model: its
/// other layers' would have taken their place.
class Layers {
 public:
  Layers(const StepCase& c, const StepData& data) {
    constexpr std::int64_t kBeyondCaches = std::int64_t{160} << 20;
    const std::int64_t most = c.sequences * c.tokens < 1024 ? 8 : 1;  // else reads count little
    const std::int64_t bytes = c.weight_bytes() + c.row_bytes();
    const std::int64_t count = std::clamp<std::int64_t>(kBeyondCaches / bytes, 1, most);
    for (std::int64_t i = 0; i < count; ++i) {
      layers_.push_back({data.keys(), CompressorState({.sequences = c.sequences, .slots = 16})});
    }
    working_set_ = count * bytes;
  }
  [[nodiscard]] std::size_t count() const { return layers_.size(); }
  [[nodiscard]] std::int64_t working_set() const { return working_set_; }
  [[nodiscard]] Layer& operator[](std::size_t i) { return layers_[i]; }

 private:
  std::vector<Layer> layers_;
  std::int64_t working_set_;
};

/// Runs of the layers' indexers on the case, always from the same state.
class StepRuns {
 public:
  StepRuns(const StepCase& c, const StepData& data, Layers& layers, const IndexerOptions& options)
      : case_(c), data_(data), layers_(layers), picks_(c.shape, c.sequences * c.tokens) {
    for (std::size_t i = 0; i < layers.count(); ++i) {
      indexers_.emplace_back(c.shape, data.weights(), options);
    }
    for (std::size_t i = 0; i < layers.count() + 1; ++i) run();
    runs_.clear();
  }
  void run() {
    Layer& layer = layers_[next_];
    for (std::int64_t i = 0; i < case_.sequences; ++i) layer.state.resume(i, case_.start_pos);
    runs_.push_back(indexers_[next_].decode(data_.batch(), layer.keys, layer.state, picks_));
    next_ = (next_ + 1) % layers_.count();
  }
  [[nodiscard]] StepReport report() const { return median(runs_); }
  [[nodiscard]] std::size_t count() const { return runs_.size(); }

 private:
  const StepCase& case_;
  const StepData& data_;
  Layers& layers_;
  std::vector<Indexer> indexers_;
  Selection picks_;
  std::size_t next_ = 0;
  std::vector<StepReport> runs_;
};

inline std::string label_of(const StepCase& c) {
  return fmt::format("{} x {}, {}", c.sequences, report::count_of(c.tokens, "token"),
                     report::count_of(c.rows(), "row"));
}

/// The position whose token, S of them, sees so many rows.
inline StepCase seeing(std::int64_t rows, std::int64_t sequences, std::int64_t tokens) {
  return {.sequences = sequences, .tokens = tokens, .start_pos = kRatio * rows - tokens};
}

}  // namespace fulgurite::app
