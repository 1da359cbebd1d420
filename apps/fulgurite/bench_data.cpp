#include "bench_data.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>

#include "cpu/prune.hpp"
#include "fulgurite/model.hpp"
#include "indexer/stages.hpp"

namespace fulgurite::app {
namespace {

/// Symmetric int8, as rows and queries are quantised; returns the scale.
float quantize(std::span<const float, kHeadDim> values, std::int8_t* codes) {
  float largest = 1e-4F;
  for (const float x : values) largest = std::max(largest, std::fabs(x));
  for (const float x : values) *codes++ = static_cast<std::int8_t>(std::lrint(x * 127 / largest));
  return largest / 127;
}

float head_weight(RowKind kind, Normal& normal) {
  const float weight = normal.next();
  if (kind == RowKind::positive) return std::fabs(weight);
  if (kind != RowKind::heavy) return weight;
  const float a = normal.next();
  const float b = normal.next();
  return weight / std::sqrt((a * a + b * b) / 2 + 1e-6F);
}

}  // namespace

std::string_view name_of(RowKind kind) {
  switch (kind) {
    case RowKind::normal:
      return "normal";
    case RowKind::heavy:
      return "heavy tails";
    case RowKind::needles:
      return "200 needles";
    case RowKind::rising:
      return "rising";
    case RowKind::positive:
      return "all weights positive";
    case RowKind::equal:
      return "all rows equal";
    case RowKind::trap:
      break;
  }
  return "trap for the sample";
}

ScoredRows::ScoredRows(const cpu::Kernels& kernels, RowKind kind, std::int64_t rows,
                       std::uint64_t seed)
    : codes_("rows", rows * kHeadDim),
      scales_(static_cast<std::size_t>(rows)),
      words_("queries", kQueries * kHeads * kHeadDim * 2),
      corrections_(kQueries * kHeads),
      weights_(kQueries * kHeads),
      direction_(kHeadDim) {
  Normal normal(seed, 1);
  for (int index = 0; index < kQueries; ++index) make_query(kernels, kind, index, normal);
  make_rows(kind, normal);
  for (std::int64_t row = 0; row < rows; row += kPageRows) {
    pages_.push_back({codes_.data() + row * kHeadDim, scales_.data() + row});
  }
}

cpu::ScoreQuery ScoredRows::query(int index) const {
  return {.heads = kHeads,
          .words = words_.data() + index * kHeads * kHeadDim * 2,
          .correction = corrections_.data() + index * kHeads,
          .weight = weights_.data() + index * kHeads};
}

void ScoredRows::make_query(const cpu::Kernels& kernels, RowKind kind, int index, Normal& normal) {
  std::vector<std::int8_t> codes(kHeads * kHeadDim);
  std::vector<float> folded(kHeads);
  for (std::size_t head = 0; head < kHeads; ++head) {
    std::array<float, kHeadDim> values;
    for (float& x : values) x = normal.next();
    const float weight = head_weight(kind, normal);
    folded[head] = weight * quantize(values, codes.data() + head * kHeadDim);
    for (std::size_t i = 0; i < kHeadDim && weight > 0; ++i) direction_[i] += weight * values[i];
  }
  const std::vector<std::int32_t> order = reference::head_order(folded);
  for (std::size_t i = 0; i < kHeads; ++i) {
    weights_[static_cast<std::size_t>(index) * kHeads + i] =
        folded[static_cast<std::size_t>(order[i])];
  }
  kernels.pack_query(codes.data(), order.data(), kHeads,
                     words_.data() + index * kHeads * kHeadDim * 2,
                     corrections_.data() + index * kHeads);
}

void ScoredRows::make_rows(RowKind kind, Normal& normal) {
  const std::int64_t needle_step = std::max<std::int64_t>(1, rows() / 200);
  float length = 0;
  for (const float x : direction_) length += x * x;
  length = std::sqrt(length);
  for (std::int64_t row = 0; row < rows(); ++row) {
    float& scale = scales_[static_cast<std::size_t>(row)];
    std::int8_t* const codes = codes_.data() + row * kHeadDim;
    if (kind == RowKind::equal && row > 0) {
      std::copy_n(codes_.data(), kHeadDim, codes);
      scale = scales_[0];
      continue;
    }
    const bool needle = kind == RowKind::needles && row % needle_step == 3;
    std::array<float, kHeadDim> values;
    for (std::size_t i = 0; i < kHeadDim; ++i) {
      values[i] = normal.next() + (needle ? 10 * direction_[i] / length : 0.F);
    }
    scale = quantize(values, codes);
    if (kind == RowKind::rising) scale = 1e-6F * static_cast<float>(row + 1);
  }
  if (kind != RowKind::trap) return;
  std::vector<std::uint32_t> sample(cpu::kMostSampled);
  const std::int64_t sampled = cpu::sample_size(rows());
  cpu::sample_rows(rows(), 0, sampled, sample.data());
  sample.resize(static_cast<std::size_t>(sampled));
  for (const std::uint32_t row : sample) scales_[row] *= 100;
}

void score_all(const cpu::Kernels& kernels, const ScoredRows& rows, int query, cpu::TopList& list) {
  const cpu::ScoreTask task{
      .query = rows.query(query), .last = rows.rows(), .out = nullptr, .list = &list};
  kernels.score_select(&task, 1, rows.table(), 0);
}

void finish(const cpu::Kernels& kernels, cpu::TopList& list) {
  kernels.select_top(list);
  kernels.sort_top(list.scores, list.rows, list.count);
}

}  // namespace fulgurite::app
