#include <algorithm>
#include <array>
#include <cstddef>

#include "cpu/order_heads.hpp"
#include "cpu/step.hpp"
#include "cpu/work.hpp"

namespace fulgurite::cpu {

void order_heads(const float* folded, std::int64_t heads, std::int32_t* order) {
  std::array<float, kMostHeads> weight;
  std::array<std::int32_t, kMostHeads> head_of;
  std::int32_t front = 0;
  std::int32_t negative = 0;
  for (std::int64_t head = 0; head < heads; ++head) {
    const auto number = static_cast<std::int32_t>(head);
    if (folded[head] < 0) {
      weight[static_cast<std::size_t>(negative)] = folded[head];
      head_of[static_cast<std::size_t>(negative++)] = number;
    } else {
      order[front++] = number;
    }
  }
  // Each one's rank by comparing it with all: a sort of so few spends its time on branches that
  // nothing can foresee.
  for (std::int32_t i = 0; i < negative; ++i) {
    const float mine = weight[static_cast<std::size_t>(i)];
    std::int32_t rank = 0;
    for (std::int32_t j = 0; j < negative; ++j) {
      const float other = weight[static_cast<std::size_t>(j)];
      rank += static_cast<std::int32_t>(other < mine) |
              (static_cast<std::int32_t>(other == mine) & static_cast<std::int32_t>(j < i));
    }
    order[front + rank] = head_of[static_cast<std::size_t>(i)];
  }
}

void Step::project_queries(TokenRange block) {
  if (model_.has_int8_query()) {
    project_int8_queries(block);
  } else if (!model_.query_blocks.empty()) {
    project_e4m3_queries(block);
  } else {
    project_bf16_queries(block);
  }
  const std::int64_t columns = shape_.heads * kHeadDim;
  const int width = model_.has_int8_query() ? 1 : 2;
  StageReport& report = stage(Stage::query);
  (model_.has_int8_query() ? report.int8_macs : report.bf16_macs) +=
      block.count * shape_.query_rank * columns;
  report.bytes +=
      width * columns * shape_.query_rank + block.count * (width * shape_.query_rank + 2 * columns);
}

void Step::project_int8_queries(TokenRange block) {
  const std::int64_t columns = shape_.heads * kHeadDim;
  kernels_.pack_qr(batch_.qr.data() + block.first * shape_.query_rank, block.count,
                   shape_.query_rank, work_.packed_rows.data(), work_.qr_correction.data());
  const QueryProjection projection{.tokens = block.count,
                                   .query_rank = shape_.query_rank,
                                   .columns = columns,
                                   .weights = model_.query.data(),
                                   .column_scale = model_.query_scale.data(),
                                   .activations = work_.packed_rows.data(),
                                   .correction = work_.qr_correction.data(),
                                   .row_scale = batch_.qr_scale.data() + block.first,
                                   .out = work_.q.data()};
  const std::int64_t units = columns / kQueryColumns;
  for_each_unit(executor_, units, [&](int, std::int64_t unit) {
    kernels_.query(projection, unit * kQueryColumns, (unit + 1) * kQueryColumns);
  });
}

void Step::prepare_queries(TokenRange block) {
  for_each_unit(executor_, block.count, [&](int lane, std::int64_t place) {
    prepare_query(block.first + place, place, lane);
  });
  stage(Stage::quantize).bytes +=
      block.count * shape_.heads * (kHeadDim * 4 + 2 * static_cast<int>(sizeof(float)));
}

void Step::prepare_query(std::int64_t token, std::int64_t place, std::int64_t lane) {
  (has_int8_rows() ? prepare_codes(token, place, lane) : prepare_values(token, place, lane));
}

void Step::prepare_codes(std::int64_t token, std::int64_t place, std::int64_t lane) {
  const std::int64_t heads = shape_.heads;
  const std::int64_t features = heads * kHeadDim;
  const TokenPlan& plan = work_.plan.tokens[static_cast<std::size_t>(token)];
  const RopeAngle& angle = work_.plan.angles[static_cast<std::size_t>(plan.angle)];
  std::int8_t* codes = work_.codes.data() + lane * features;
  float* scale = work_.scales.data() + lane * heads;
  kernels_.transform_query({.heads = heads,
                            .q = work_.q.data() + place * features,
                            .cos = angle.cos.data(),
                            .sin = angle.sin.data(),
                            .rotation = model_.rotation(),
                            .codes = codes,
                            .scale = scale});

  const float* weight = work_.projected.data() + token * model_.hidden_columns + 2 * kStateWidth;
  std::array<float, kMostHeads> folded{};
  for (std::int64_t head = 0; head < heads; ++head) {
    folded[static_cast<std::size_t>(head)] = weight[head] * scale[head];
  }
  std::array<std::int32_t, kMostHeads> order;
  order_heads(folded.data(), heads, order.data());
  float* in_order = work_.folded.data() + place * heads;
  for (std::int64_t i = 0; i < heads; ++i) {
    in_order[i] = folded[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])];
  }
  kernels_.pack_query(codes, order.data(), heads, work_.words.data() + place * word_bytes(),
                      work_.correction.data() + place * heads);
}

}  // namespace fulgurite::cpu
