#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "fulgurite/decode_batch.hpp"
#include "fulgurite/dtype.hpp"
#include "fulgurite/model.hpp"
#include "fulgurite/weights.hpp"
#include "indexer/rotation.hpp"

// The definition of every stage, to be read. Plain loops, no SIMD, no threads. What is not a sum of
// bf16 products (arithmetic.hpp) is one fp32 operation after the other, each rounded, in the order
// written. docs/numerics.md explains the order and where the formulas come from.

namespace fulgurite {

/// 1 / sqrt(128 * H), in fp64, rounded once to fp32.
float head_weight_factor(std::int64_t heads);

namespace reference {

/// A row of kHeadDim features.
using Row = std::array<float, kHeadDim>;

/// A row as a recipe stores it.
struct EncodedRow {
  std::array<std::int8_t, kHeadDim> codes{};  ///< format int8: value = code * scale
  /// Other formats: the numbers that are multiplied, which bf16 holds exactly but for fp32. Of e2m1
  /// and fp32 they are the values, of e4m3 value = number * scale.
  Row numbers{};
  float scale = 0;                                  ///< 1 in formats without a scale for the row
  std::array<float, kHeadDim / 32> block_scales{};  ///< format e2m1: the power of two of each block
  friend bool operator==(const EncodedRow&, const EncodedRow&) = default;
};

/// An indexer with its weights copied, row by output feature.
struct Model {
  Model(const ModelShape& model_shape, const IndexerWeights& weights,
        const Recipe& model_recipe = Recipe::seed_int8());

  ModelShape shape;
  Recipe recipe;
  std::vector<std::int8_t> wq_b;        ///< [H*128, Q]; empty if it is BF16
  std::vector<float> wq_b_scale;        ///< [H*128]
  std::vector<Bf16> wq_b_bf16;          ///< [H*128, Q]
  std::vector<std::uint8_t> wq_b_e4m3;  ///< [H*128, Q]
  std::vector<float> wq_b_block_scale;  ///< [H, Q/128 rounded up]
  std::vector<Bf16> weights_proj;       ///< [H, D]
  std::vector<Bf16> wkv, wgate;         ///< [256, D]
  std::vector<float> ape;               ///< [4, 256]
  Row norm;
  HadamardMatrix hadamard;
};

/// query: q = (fp32(sum of qr * wq_b, exact) * qr_scale) * wq_b_scale, rounded; [H] rows.
std::vector<Row> project_query(const Model& model, std::span<const std::int8_t> qr, float qr_scale);
/// The same for weights of another type, which the model has. BF16: q = Dot(qr, wq_b), rounded; in
/// format fp32 the Dot of fp32. E4M3: each 128 features of qr are quantised as an e4m3 row with a
/// power of two is; q = sum over these blocks of Dot(block) * (scale of qr * scale of wq_b),
/// rounded.
std::vector<Row> project_query(const Model& model, std::span<const Bf16> qr);

/// rope: the pairs (e, o) of features 64..127 become (e*cos - o*sin, e*sin + o*cos), rounded.
void rotate(Row& row, const RopeAngle& angle, Rounding rounding);

/// hadamard: row * matrix in fp32, by butterflies where the matrix is a multiple of Sylvester's.
void multiply_hadamard(Row& row, const HadamardMatrix& matrix);

/// quantize: s = 127 / max(max|x|, 1e-4), code = rint(x * s), scale = 1 / s. A row that holds NaN
/// or an infinity has codes 0 and scale NaN.
EncodedRow quantize(const Row& row);
/// quantize, e2m1: for each 32 features s = the smallest power of two >= max(max|x|, 6 * 2^-126) *
/// fp32(1/6), number = the nearest of 0, .5, 1, 1.5, 2, 3, 4, 6 to x / s, ties to the even code,
/// times s. A row that holds NaN or an infinity is all NaN.
EncodedRow quantize_e2m1(const Row& row);
/// quantize, e4m3: s by the rule from max(max|x|, 1e-4), number = x / s, or x * fp32(1 / s) under
/// `ratio`, clamped to 448 and rounded to e4m3, ties to even. A row that holds NaN or an infinity
/// has numbers 0 and scale NaN.
EncodedRow quantize_e4m3(const Row& row, ScaleRule rule);
/// By the recipe's format.
EncodedRow quantize(const Recipe& recipe, const Row& row);

/// weights: w[h] = Dot(x, weights_proj[h]) * head_weight_factor(H), with the recipe's roundings.
std::vector<float> head_weights(const Model& model, std::span<const Bf16> x);

/// compress, per token: kv = Dot(x, wkv), gate = Dot(x, wgate) + ape[ape_row].
struct SlotValues {
  std::array<float, kStateWidth> kv{};
  std::array<float, kStateWidth> gate{};
};
SlotValues project_slot(const Model& model, std::span<const Bf16> x, std::int32_t ape_row);

/// compress, per window: the gated mean of 8 slots, feature by feature. Slots 0..3 give features
/// 0..127 of their values, slots 4..7 features 128..255.
Row pool(std::span<const SlotValues, kWindowSlots> slots);
/// RMSNorm: (row * (1 / sqrt(mean of squares + eps))) * norm.
Row normalize(const Row& row, const Row& norm, float eps);
/// compress, whole: pool, norm, rope, hadamard, with the recipe's roundings. fp32 before `key`.
Row compress_window(const Recipe& recipe, std::span<const SlotValues, kWindowSlots> slots,
                    const Row& norm, float eps, const RopeAngle& angle,
                    const HadamardMatrix& hadamard);

/// A token's query, ready to be scored: heads in the order of the sum.
struct ScoredQuery {
  std::vector<EncodedRow> heads;
  std::vector<float> weights;  ///< u = w * scale
  RowFormat format = RowFormat::int8;
  Rounding rounding = Rounding::none;
};
/// Heads with u >= 0 or NaN first, in order; then the negative ones, most negative first.
std::vector<std::int32_t> head_order(std::span<const float> folded_weights);
ScoredQuery fold(std::span<const EncodedRow> heads, std::span<const float> weights);
/// By the recipe, which may keep the heads in order.
ScoredQuery fold(const Recipe& recipe, std::span<const EncodedRow> heads,
                 std::span<const float> weights);

/// score: acc = +0; for each head acc = acc + fp32(max(q . k, 0)) * u; then acc * key scale. As a
/// bf16 tensor: bf16(sum of bf16(max(bf16(q . k), 0) * u)), the sum in fp32.
float score(const ScoredQuery& query, const EncodedRow& key);

/// select: the best min(k, n) rows, score descending, then row ascending; NaN counts as -inf.
std::vector<std::int32_t> select(std::span<const float> scores, std::int64_t k);

}  // namespace reference
}  // namespace fulgurite
