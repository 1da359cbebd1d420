#include "indexer/seed_contract.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <limits>
#include <string>

#include "core/checked.hpp"
#include "fulgurite/error.hpp"
#include "fulgurite/selection.hpp"
#include "indexer/reference_step.hpp"

namespace fulgurite {
namespace {

template <class T, std::size_t Rank>
void check_shape(const char* name, const TensorView<T, Rank>& tensor,
                 const typename TensorView<T, Rank>::Shape& expected) {
  detail::expect_shape(name, expected, tensor.shape());
}

void check_range(const char* name, std::int64_t value, std::int64_t least, std::int64_t most) {
  if (value >= least && value <= most) return;
  throw Error(ErrorKind::input, std::string(name) + ": expected " + std::to_string(least) + " to " +
                                    std::to_string(most) + ", found " + std::to_string(value));
}

/// The shortest text that is this value and no other.
std::string shortest(float value) {
  std::array<char, 32> text{};
  char* const end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return {text.data(), end};
}

/// Column i must hold a single 1, in row 2i + parity: anything else is another rotation.
void check_selection(const char* name, const TensorView<const Bf16, 2>& matrix,
                     std::int64_t parity) {
  if (matrix.empty()) return;
  check_shape(name, matrix, {kRopeDim, kRopePairs});
  for (std::int64_t row = 0; row < kRopeDim; ++row) {
    for (std::int64_t column = 0; column < kRopePairs; ++column) {
      const float expected = row == 2 * column + parity ? 1.F : 0.F;
      const float found = to_float(matrix(row, column));
      if (found == expected) continue;
      throw Error(ErrorKind::input, std::string(name) + ": expected " +
                                        std::to_string(static_cast<int>(expected)) + " at [" +
                                        std::to_string(row) + "," + std::to_string(column) +
                                        "], found " + shortest(found));
    }
  }
}

void check_angles(const char* name, const TensorView<const float, 2>& table) {
  check_shape(name, table, {1, kRopePairs});
  for (std::int64_t i = 0; i < kRopePairs; ++i) {
    if (is_finite(table(0, i))) continue;
    throw Error(ErrorKind::input, std::string(name) +
                                      ": expected finite values, found NaN or infinity at [0," +
                                      std::to_string(i) + "]");
  }
}

template <class T, std::size_t Rank>
auto copy_of(const TensorView<const T, Rank>& tensor) {
  const auto values = tensor.flat();
  return std::vector<T>(values.begin(), values.end());
}

}  // namespace

void SeedInput::validate() const {
  const std::int64_t b = batch();
  const std::int64_t s = tokens_each();
  constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
  check_range("x: sequences B", b, 1, kMost);
  check_range("x: tokens S", s, 1, kMost);
  const std::int64_t t = core::checked_multiply("x: tokens B*S", b, s);
  const std::int64_t d = x.extent(2);
  const std::int64_t q = qr.extent(1);
  const std::int64_t h = weights_proj.extent(1);
  check_range("idx_kv_cache: rows L", cache_rows(), 1, kMost);
  check_shape("qr", qr, {t, q});
  check_shape("qr_scale", qr_scale, {t, 1});
  check_shape("weights_proj", weights_proj, {d, h});
  shape().validate();
  check_shape("wq_b", wq_b, {q, h * kHeadDim});
  check_shape("wq_b_scale", wq_b_scale, {h * kHeadDim});
  check_angles("cos", cos);
  check_angles("sin", sin);
  check_selection("even_select", even_select, 0);
  check_selection("odd_select", odd_select, 1);
  check_shape("hadamard", hadamard, {kHeadDim, kHeadDim});
  if (!inner_kv.empty()) check_shape("inner_kv", inner_kv, {b, s, kHeadDim});
  check_shape("inner_kv_state", inner_kv_state, {b, kWindowSlots, kStateWidth});
  check_shape("inner_score_state", inner_score_state, {b, kWindowSlots, kStateWidth});
  check_shape("inner_wkv", inner_wkv, {d, kStateWidth});
  check_shape("inner_wgate", inner_wgate, {d, kStateWidth});
  check_shape("inner_ape", inner_ape, {kRatio, kStateWidth});
  check_shape("inner_norm_w", inner_norm_w, {kHeadDim});
  check_shape("idx_kv_cache", idx_kv_cache, {b, cache_rows(), kHeadDim});
  const std::int64_t positions = kRatio * cache_rows() + kRatio - 1;  // whose rows the cache holds
  check_range("x: tokens S, for the rows of idx_kv_cache", s, 1, positions);
  check_range("start_pos", start_pos, 0, positions - s);
  check_range("offset", offset, 0, kMost - cache_rows());
}

ModelShape SeedInput::shape() const {
  return {.hidden = x.extent(2),
          .query_rank = qr.extent(1),
          .heads = weights_proj.extent(1),
          .topk = topk,
          .max_positions = 1 << 30};
}

Recipe SeedInput::recipe() const {
  Recipe recipe = Recipe::seed_int8();
  recipe.rotate_keys = inner_rotate;
  return recipe;
}

IndexerWeights SeedInput::weights() const {
  return {.wq_b = wq_b.transposed(),
          .wq_b_scale = wq_b_scale,
          .weights_proj = weights_proj.transposed(),
          .wkv = inner_wkv.transposed(),
          .wgate = inner_wgate.transposed(),
          .ape = inner_ape,
          .norm = inner_norm_w,
          .hadamard = hadamard};
}

DecodeBatch SeedInput::decode_batch() const {
  DecodeBatch step;
  for (std::int64_t b = 0; b < batch(); ++b) {
    step.sequences.push_back({.sequence = b, .position = start_pos, .tokens = tokens_each()});
  }
  step.x = {x.data(), {tokens(), x.extent(2)}};
  step.qr = qr;
  step.qr_scale = {qr_scale.data(), {tokens()}};
  step.offset = offset;
  step.policy = Policy::seed;
  std::copy_n(cos.data(), kRopePairs, step.angle.cos.begin());
  std::copy_n(sin.data(), kRopePairs, step.angle.sin.begin());
  return step;
}

SeedOutput::SeedOutput(const SeedInput& input)
    : idx_kv_cache(copy_of(input.idx_kv_cache)),
      score(static_cast<std::size_t>(input.tokens() * input.cache_rows()), kUnseenScore),
      topk_idxs(score.size(), kNoRow),
      inner_kv(static_cast<std::size_t>(input.tokens() * kHeadDim), 0.F),
      inner_kv_state(copy_of(input.inner_kv_state)),
      inner_score_state(copy_of(input.inner_score_state)) {
  if (!input.inner_kv.empty()) inner_kv = copy_of(input.inner_kv);
}

void SeedOutput::store_key_row(const SeedInput& input, std::int64_t b, std::int64_t row,
                               std::span<const float> values) {
  const auto cached = idx_kv_cache.begin() + (b * input.cache_rows() + row) * kHeadDim;
  std::transform(values.begin(), values.end(), cached, to_bf16);
  std::copy(values.begin(), values.end(), inner_kv.begin() + b * input.tokens_each() * kHeadDim);
}

namespace reference {
namespace {

SequenceState state_of(const SeedInput& input, std::int64_t b) {
  SequenceState state;
  for (std::int64_t slot = 0; slot < kWindowSlots; ++slot) {
    SlotValues& values = state.slots.emplace_back();
    std::copy_n(input.inner_kv_state[b][slot].data(), kStateWidth, values.kv.begin());
    std::copy_n(input.inner_score_state[b][slot].data(), kStateWidth, values.gate.begin());
  }
  for (std::int64_t row = 0; row < input.visible_rows(); ++row) {
    const auto cached = input.idx_kv_cache[b][row].flat();
    Row values;
    std::transform(cached.begin(), cached.end(), values.begin(),
                   [](Bf16 x) { return to_float(x); });
    state.rows.push_back(quantize(values));
  }
  return state;
}

}  // namespace

SeedOutput seed_step(const SeedInput& input) {
  input.validate();
  const Model model(input.shape(), input.weights(), input.recipe());
  const DecodeBatch batch = input.decode_batch();
  Plan plan;
  make_plan(model.shape, batch, kWindowSlots, plan);
  std::vector<SequenceState> states;
  for (std::int64_t b = 0; b < input.batch(); ++b) states.push_back(state_of(input, b));
  const StepResult result = step(model, plan, batch, states);

  SeedOutput output(input);
  for (std::size_t w = 0; w < plan.windows.size(); ++w) {
    output.store_key_row(input, plan.windows[w].owner, plan.windows[w].row, result.key_rows[w]);
  }
  for (std::size_t t = 0; t < plan.tokens.size(); ++t) {
    const auto first = static_cast<std::ptrdiff_t>(t) * input.cache_rows();
    std::copy(result.scores[t].begin(), result.scores[t].end(), output.score.begin() + first);
    std::transform(result.selected[t].begin(), result.selected[t].end(),
                   output.topk_idxs.begin() + first,
                   [&](std::int32_t row) { return static_cast<std::int32_t>(row + input.offset); });
  }
  auto kv = output.inner_kv_state.begin();
  auto gate = output.inner_score_state.begin();
  for (const SequenceState& state : states) {
    for (const SlotValues& slot : state.slots) {
      kv = std::copy(slot.kv.begin(), slot.kv.end(), kv);
      gate = std::copy(slot.gate.begin(), slot.gate.end(), gate);
    }
  }
  return output;
}

}  // namespace reference
}  // namespace fulgurite
