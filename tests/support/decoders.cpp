#include "support/decoders.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "core/checked.hpp"

namespace fulgurite::testing {
namespace {

std::string at(const char* what, std::size_t i, std::size_t j, float expected, float found) {
  return std::string(what) + " [" + std::to_string(i) + "," + std::to_string(j) + "]: expected " +
         std::to_string(expected) + ", found " + std::to_string(found);
}

/// Of feature i; codes or numbers are 0 where the format has the other.
float value_of(const reference::EncodedRow& row, std::size_t i) {
  return (row.codes[i] != 0 ? static_cast<float>(row.codes[i]) : row.numbers[i]) * row.scale;
}

reference::Row quantised(const Recipe& recipe, const reference::Row& values) {
  const reference::EncodedRow row = reference::quantize(recipe, values);
  reference::Row result;
  for (std::size_t i = 0; i < kHeadDim; ++i) result[i] = value_of(row, i);
  return result;
}

/// Finite values: what weights must be.
Values finite(Values values) { return values == Values::wild ? Values::extreme : values; }

}  // namespace

bool same_bits(float a, float b) {
  return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
}

TestWeights::TestWeights(const ModelShape& model_shape, Random& random, Values values,
                         bool general_hadamard, const Recipe& model_recipe)
    : shape(model_shape),
      recipe(model_recipe),
      wq_b(random.codes(shape.heads * kHeadDim * shape.query_rank)),
      wq_b_scale(random.floats(shape.heads * kHeadDim, finite(values))),
      weights_proj(random.bf16s(shape.heads * shape.hidden, finite(values))),
      wkv(random.bf16s(kStateWidth * shape.hidden, finite(values))),
      wgate(random.bf16s(kStateWidth * shape.hidden, finite(values))),
      ape(random.floats(kRatio * kStateWidth, finite(values))),
      norm(random.floats(kHeadDim, finite(values))) {
  if (values == Values::normal) {
    for (float& scale : wq_b_scale) scale *= 1e-3F;
  }
  if (recipe.row_format != RowFormat::int8) {
    wq_b_bf16 = random.bf16s(shape.heads * kHeadDim * shape.query_rank, finite(values));
  }
  if (general_hadamard) hadamard = random.bf16s(kHeadDim * kHeadDim, finite(values));
}

void TestWeights::use_block_scales(Random& random, bool as_exponents) {
  const std::int64_t blocks = shape.heads * core::divide_up(shape.query_rank, 128);
  wq_b_e4m3.clear();
  for (std::int64_t i = 0; i < shape.heads * kHeadDim * shape.query_rank; ++i) {
    const auto byte = static_cast<std::uint8_t>(random.integer(0, 255));
    wq_b_e4m3.push_back((byte & 0x7f) == 0x7f ? std::uint8_t{0} : byte);
  }
  if (as_exponents) {
    for (std::int64_t i = 0; i < blocks; ++i) {
      block_exponents.push_back(static_cast<std::uint8_t>(random.integer(100, 130)));
    }
  } else {
    block_scales = random.floats(blocks, Values::normal);
  }
}

IndexerWeights TestWeights::views() const {
  IndexerWeights views{.wq_b = {wq_b.data(), {shape.heads * kHeadDim, shape.query_rank}},
                       .wq_b_scale = {wq_b_scale.data(), {shape.heads * kHeadDim}},
                       .weights_proj = {weights_proj.data(), {shape.heads, shape.hidden}},
                       .wkv = {wkv.data(), {kStateWidth, shape.hidden}},
                       .wgate = {wgate.data(), {kStateWidth, shape.hidden}},
                       .ape = {ape.data(), {kRatio, kStateWidth}},
                       .norm = {norm.data(), {kHeadDim}},
                       .hadamard = {}};
  if (!wq_b_bf16.empty()) {
    views.wq_b = {};
    views.wq_b_scale = {};
    views.wq_b_bf16 = {wq_b_bf16.data(), {shape.heads * kHeadDim, shape.query_rank}};
  }
  if (!wq_b_e4m3.empty()) {
    const std::array<std::int64_t, 2> scales{shape.heads, core::divide_up(shape.query_rank, 128)};
    views.wq_b = {};
    views.wq_b_scale = {};
    views.wq_b_bf16 = {};
    views.wq_b_e4m3 = {wq_b_e4m3.data(), {shape.heads * kHeadDim, shape.query_rank}};
    if (!block_scales.empty()) views.wq_b_block_scale = {block_scales.data(), scales};
    if (!block_exponents.empty()) views.wq_b_block_exponent = {block_exponents.data(), scales};
  }
  if (!hadamard.empty()) views.hadamard = {hadamard.data(), {kHeadDim, kHeadDim}};
  return views;
}

TestTokens::TestTokens(const ModelShape& shape, std::int64_t tokens, Random& random, Values values)
    : count(tokens),
      x(random.bf16s(tokens * shape.hidden, values)),
      qr(random.codes(tokens * shape.query_rank)),
      qr_scale(random.floats(tokens, values)),
      qr_bf16(random.bf16s(tokens * shape.query_rank, values)) {
  if (values == Values::normal) {
    for (float& scale : qr_scale) scale *= 0.01F;
  }
}

void TestBatch::add(std::int64_t sequence, const TestTokens& tokens, std::int64_t first,
                    std::int64_t count, std::int64_t unselected) {
  sequences_.push_back(
      {.sequence = sequence, .position = first, .tokens = count, .unselected = unselected});
  const auto append = [&](auto& to, const auto& from, std::int64_t width) {
    to.insert(to.end(), from.begin() + first * width, from.begin() + (first + count) * width);
  };
  append(x_, tokens.x, shape_.hidden);
  append(qr_, tokens.qr, shape_.query_rank);
  append(qr_scale_, tokens.qr_scale, 1);
  append(qr_bf16_, tokens.qr_bf16, shape_.query_rank);
  const auto spoil = [&](auto& rows, std::int64_t width, auto value) {
    const auto begin = rows.end() - count * width;
    std::fill(begin, begin + unselected * width, value);
  };
  spoil(qr_, shape_.query_rank, std::int8_t{99});
  spoil(qr_scale_, 1, std::numeric_limits<float>::quiet_NaN());
  spoil(qr_bf16_, shape_.query_rank, Bf16{kBf16NanBits});
}

DecodeBatch TestBatch::views() const {
  DecodeBatch batch;
  batch.sequences = sequences_;
  const std::int64_t tokens = batch.tokens();
  batch.x = {x_.data(), {tokens, shape_.hidden}};
  batch.qr = {qr_.data(), {tokens, shape_.query_rank}};
  batch.qr_scale = {qr_scale_.data(), {tokens}};
  batch.qr_bf16 = {qr_bf16_.data(), {tokens, shape_.query_rank}};
  return batch;
}

ReferenceDecoder::ReferenceDecoder(const TestWeights& weights, std::int64_t sequences, int slots)
    : model_(weights.shape, weights.views(), weights.recipe),
      slots_(slots),
      states_(static_cast<std::size_t>(sequences)) {
  for (reference::SequenceState& state : states_) {
    state.slots.resize(static_cast<std::size_t>(slots));
  }
}

reference::StepResult ReferenceDecoder::decode(const DecodeBatch& batch) {
  Plan plan;
  make_plan(model_.shape, batch, slots_, plan);
  std::vector<reference::SequenceState> moved;
  for (const SequencePlan& sequence : plan.sequences) {
    moved.push_back(states_[static_cast<std::size_t>(sequence.sequence)]);
  }
  reference::StepResult result = reference::step(model_, plan, batch, moved);
  for (std::size_t i = 0; i < moved.size(); ++i) {
    states_[static_cast<std::size_t>(plan.sequences[i].sequence)] = moved[i];
  }
  return result;
}

CpuDecoder::CpuDecoder(const TestWeights& weights, const KeyCacheOptions& cache, int slots, Isa isa,
                       std::shared_ptr<Executor> executor, std::int64_t workspace_bytes)
    : indexer(weights.shape, weights.views(),
              {.recipe = weights.recipe,
               .isa = isa,
               .executor = std::move(executor),
               .workspace_bytes = workspace_bytes}),
      keys(cache, weights.recipe),
      state({.sequences = cache.sequences, .slots = slots}) {}

Selection CpuDecoder::decode(const DecodeBatch& batch) {
  std::int64_t rows = 1;
  for (const SequenceTokens& entry : batch.sequences) {
    rows = std::max(rows, (entry.position + entry.tokens) / kRatio);
  }
  Selection picks(
      indexer.shape(), batch.selected_tokens(),
      {.width = std::min(indexer.shape().topk, rows), .scores = true, .logit_rows = rows + 3});
  report = indexer.decode(batch, keys, state, picks);
  return picks;
}

std::vector<std::int32_t> decode_some(CpuDecoder& cpu, std::int64_t sequence,
                                      const TestTokens& tokens, std::int64_t first,
                                      std::int64_t count) {
  TestBatch batch(cpu.indexer.shape());
  batch.add(sequence, tokens, first, count);
  const Selection picks = cpu.decode(batch.views());
  return {picks.indices().begin(), picks.indices().end()};
}

std::vector<Isa> available_isas() {
  std::vector<Isa> isas;
  for (const IsaStatus& status : isa_statuses()) {
    if (status.available) isas.push_back(status.isa);
  }
  return isas;
}

std::string difference(const reference::StepResult& expected, const Selection& found,
                       std::int64_t offset) {
  for (std::size_t t = 0; t < expected.selected.size(); ++t) {
    const auto token = static_cast<std::int64_t>(t);
    const std::vector<float>& scores = expected.scores[t];
    const auto logits = found.logits(token);
    for (std::size_t row = 0; row < logits.size(); ++row) {
      const float want = row < scores.size() ? scores[row] : kUnseenScore;
      if (!same_bits(want, logits[row])) return at("logit", t, row, want, logits[row]);
    }
    const auto rows = found.rows(token);
    if (rows.size() != expected.selected[t].size()) {
      return at("rows selected", t, 0, static_cast<float>(expected.selected[t].size()),
                static_cast<float>(rows.size()));
    }
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::int32_t want = expected.selected[t][i];
      if (rows[i] != want + offset) {
        return at("selected", t, i, static_cast<float>(want), static_cast<float>(rows[i]));
      }
      const float score = scores[static_cast<std::size_t>(want)];
      const float rank = is_nan(score) ? -std::numeric_limits<float>::infinity() : score + 0.F;
      if (!same_bits(rank, found.scores(token)[i])) {
        return at("score", t, i, rank, found.scores(token)[i]);
      }
    }
    const auto places = found.indices().subspan(t * static_cast<std::size_t>(found.width()),
                                                static_cast<std::size_t>(found.width()));
    for (std::size_t i = rows.size(); i < places.size(); ++i) {
      if (places[i] != kNoRow) return at("padding", t, i, -1, static_cast<float>(places[i]));
    }
  }
  return "";
}

std::string difference(const reference::SequenceState& expected, const CpuDecoder& found,
                       std::int64_t sequence) {
  return difference(expected, found.keys, found.state, sequence);
}

std::string difference(const reference::SequenceState& expected, const KeyCache& keys,
                       const CompressorState& state, std::int64_t sequence) {
  for (std::size_t row = 0; row < expected.rows.size(); ++row) {
    const auto j = static_cast<std::int64_t>(row);
    const bool is_bf16 = keys.storage() == RowStorage::bf16;
    if (keys.recipe().row_format != RowFormat::int8 || is_bf16) {
      std::array<float, kHeadDim> values;
      keys.read(sequence, j, values);
      if (is_bf16) values = quantised(keys.recipe(), values);
      for (std::size_t i = 0; i < kHeadDim; ++i) {
        const float want = value_of(expected.rows[row], i);
        if (!same_bits(canonical(want), canonical(values[i]))) {
          return at("value", row, i, want, values[i]);
        }
      }
      continue;
    }
    const auto codes = keys.codes(sequence, j);
    for (std::size_t i = 0; i < kHeadDim; ++i) {
      if (codes[i] != expected.rows[row].codes[i]) {
        return at("code", row, i, expected.rows[row].codes[i], codes[i]);
      }
    }
    if (!same_bits(expected.rows[row].scale, keys.scale(sequence, j))) {
      return at("scale", row, 0, expected.rows[row].scale, keys.scale(sequence, j));
    }
  }
  for (std::size_t slot = 0; slot < expected.slots.size(); ++slot) {
    for (std::size_t i = 0; i < kStateWidth; ++i) {
      const auto s = static_cast<std::int64_t>(slot);
      const auto column = static_cast<std::int64_t>(i);
      const float kv = state.kv()(sequence, s, column);
      const float gate = state.gate()(sequence, s, column);
      if (!same_bits(expected.slots[slot].kv[i], kv)) {
        return at("kv state", slot, i, expected.slots[slot].kv[i], kv);
      }
      if (!same_bits(expected.slots[slot].gate[i], gate)) {
        return at("gate state", slot, i, expected.slots[slot].gate[i], gate);
      }
    }
  }
  return "";
}

}  // namespace fulgurite::testing
