#include "cpu/packed_model.hpp"

#include "core/checked.hpp"
#include "core/parallel.hpp"
#include "indexer/small_floats.hpp"
#include "indexer/stages.hpp"

namespace fulgurite::cpu {
namespace {

std::vector<float> copy(const TensorView<const float, 1>& vector) {
  std::vector<float> values;
  for (std::int64_t i = 0; i < vector.extent(0); ++i) values.push_back(vector(i));
  return values;
}

std::vector<float> copy(const TensorView<const float, 2>& matrix) {
  std::vector<float> values;
  for (std::int64_t row = 0; row < matrix.extent(0); ++row) {
    for (const float x : copy(matrix[row])) values.push_back(x);
  }
  return values;
}

/// [128 columns / 16][128 rows / 2][16][2], as Rotation has it.
core::AlignedBuffer<std::uint16_t> pack_lines(const HadamardMatrix& matrix) {
  if (matrix.butterflies) return {};
  core::AlignedBuffer<std::uint16_t> lines("hadamard", kHeadDim * kHeadDim);
  std::int64_t next = 0;
  for (std::int64_t block = 0; block < kHeadDim; block += kColumnBlock) {
    for (std::int64_t row = 0; row < kHeadDim; row += 2) {
      for (std::int64_t column = block; column < block + kColumnBlock; ++column) {
        const auto first = static_cast<std::size_t>(column * kHeadDim + row);
        lines[next++] = matrix.columns[first].bits;
        lines[next++] = matrix.columns[first + 1].bits;
      }
    }
  }
  return lines;
}

std::vector<float> block_scales(const IndexerWeights& weights) {
  if (weights.wq_b_block_exponent.empty()) return copy(weights.wq_b_block_scale);
  std::vector<float> scales;
  for (std::int64_t head = 0; head < weights.wq_b_block_exponent.extent(0); ++head) {
    for (std::int64_t block = 0; block < weights.wq_b_block_exponent.extent(1); ++block) {
      scales.push_back(from_e8m0(weights.wq_b_block_exponent(head, block)));
    }
  }
  return scales;
}

}  // namespace

PackedModel::PackedModel(const ModelShape& shape, const IndexerWeights& weights,
                         const Recipe& recipe, Executor& executor)
    : query_scale(copy(weights.wq_b_scale)),
      query_block_scale(block_scales(weights)),
      hidden_columns(packed_columns(2 * kStateWidth + shape.heads)),
      ape(copy(weights.ape)),
      norm(copy(weights.norm)),
      hadamard(HadamardMatrix::from(weights.hadamard)),
      hadamard_lines(pack_lines(hadamard)),
      head_factor(head_weight_factor(shape.heads)) {
  hidden =
      core::AlignedBuffer<std::uint16_t>("packed hidden weights", hidden_columns * shape.hidden);
  hidden_exponents.resize(static_cast<std::size_t>(hidden_columns / kColumnBlock));
  const std::int64_t query_groups = shape.heads * kHeadDim / kColumnBlock;
  const std::int64_t query_values = shape.heads * kHeadDim * shape.query_rank;
  if (!weights.wq_b_e4m3.empty()) {
    query_blocks = core::AlignedBuffer<std::uint16_t>("packed wq_b", query_values);
  } else if (weights.wq_b_bf16.empty()) {
    query = core::AlignedBuffer<std::uint8_t>("packed wq_b", query_values);
  } else if (recipe.row_format == RowFormat::fp32) {
    query_wide = core::AlignedBuffer<float>("packed wq_b", query_values);
  } else {
    query_bf16 = core::AlignedBuffer<std::uint16_t>("packed wq_b", query_values);
    query_exponents.resize(static_cast<std::size_t>(query_groups));
  }
  const std::int64_t hidden_groups = hidden_columns / kColumnBlock;
  core::for_each_task(executor, static_cast<int>(query_groups + hidden_groups), [&](int task) {
    const std::int64_t block = task < query_groups ? task : task - query_groups;
    const std::int64_t first = block * kColumnBlock;
    const std::int64_t last = first + kColumnBlock;
    if (task < query_groups) {
      if (!query.empty()) {
        pack_query_weights(weights.wq_b, first, last, query.data());
      } else if (!query_blocks.empty()) {
        pack_block_weights(weights.wq_b_e4m3, first, last, query_blocks.data());
      } else if (!query_wide.empty()) {
        pack_wide_weights(weights.wq_b_bf16, first, last, query_wide.data());
      } else {
        pack_hidden_weights(weights.wq_b_bf16, {}, {}, first, last, query_bf16.data(),
                            query_exponents.data());
      }
    } else {
      pack_hidden_weights(weights.wkv, weights.wgate, weights.weights_proj, first, last,
                          hidden.data(), hidden_exponents.data());
    }
  });
}

Rotation PackedModel::rotation() const {
  return {.butterflies = hadamard.butterflies,
          .factor = hadamard.factor,
          .lines = hadamard_lines.data()};
}

std::int64_t PackedModel::bytes() const {
  return query.size() +
         2 * (query_bf16.size() + query_blocks.size() + hidden.size() + hadamard_lines.size()) +
         4 * query_wide.size() +
         static_cast<std::int64_t>(sizeof(float) * (query_scale.size() + query_block_scale.size() +
                                                    ape.size() + norm.size()));
}

}  // namespace fulgurite::cpu
