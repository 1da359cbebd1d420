#include <algorithm>
#include <array>
#include <cstddef>

#include "cpu/step.hpp"
#include "cpu/work.hpp"

namespace fulgurite::cpu {

void Step::project_queries() {
  if (model_.has_int8_query()) {
    project_int8_queries();
  } else if (!model_.query_blocks.empty()) {
    project_e4m3_queries();
  } else {
    project_bf16_queries();
  }
  const std::int64_t columns = shape_.heads * kHeadDim;
  const std::int64_t tokens = work_.portion.selected;
  const int width = model_.has_int8_query() ? 1 : 2;
  StageReport& report = stage(Stage::query);
  (model_.has_int8_query() ? report.int8_macs : report.bf16_macs) +=
      tokens * shape_.query_rank * columns;
  report.bytes +=
      width * columns * shape_.query_rank + tokens * (width * shape_.query_rank + 2 * columns);
}

bool Step::selecting_follow_one_another() const {
  const std::vector<std::int32_t>& tokens = work_.plan.selecting;
  return tokens.back() - tokens.front() + 1 == static_cast<std::int32_t>(tokens.size());
}

/// The rows of qr of the tokens that select, one after the other.
template <class T>
const T* Step::latent_rows(const TensorView<const T, 2>& qr) {
  const T* const rows = qr.data() + work_.portion.first_token * shape_.query_rank;
  if (selecting_follow_one_another()) {
    return rows + work_.plan.selecting.front() * shape_.query_rank;
  }
  auto* const gathered = reinterpret_cast<T*>(work_.gathered_qr.data());
  T* out = gathered;
  for (const std::int32_t token : work_.plan.selecting) {
    out = std::copy_n(rows + token * shape_.query_rank, shape_.query_rank, out);
  }
  return gathered;
}
template const std::int8_t* Step::latent_rows(const TensorView<const std::int8_t, 2>&);
template const Bf16* Step::latent_rows(const TensorView<const Bf16, 2>&);

const float* Step::latent_scales() {
  const float* const scales = batch_.qr_scale.data() + work_.portion.first_token;
  if (selecting_follow_one_another()) return scales + work_.plan.selecting.front();
  float* out = work_.gathered_scale.data();
  for (const std::int32_t token : work_.plan.selecting) *out++ = scales[token];
  return work_.gathered_scale.data();
}

void Step::project_int8_queries() {
  kernels_.pack_qr(latent_rows(batch_.qr), work_.portion.selected, shape_.query_rank,
                   work_.packed_qr.data(), work_.qr_correction.data());
  const QueryProjection projection{.tokens = work_.portion.selected,
                                   .query_rank = shape_.query_rank,
                                   .columns = head_bytes_ / static_cast<std::int64_t>(sizeof(Bf16)),
                                   .weights = model_.query.data(),
                                   .column_scale = model_.query_scale.data(),
                                   .activations = work_.packed_qr.data(),
                                   .correction = work_.qr_correction.data(),
                                   .row_scale = latent_scales(),
                                   .out = q(0)};
  const std::int64_t columns = shape_.heads * kHeadDim;
  for_each_run(executor_, columns, kQueryColumns, [&](std::int64_t first, std::int64_t last) {
    kernels_.query(projection, first, last);
  });
}

const RopeAngle& Step::query_angle(std::int64_t place) const {
  return work_.plan.angles[static_cast<std::size_t>(selecting(place).angle)];
}

const float* Step::head_weights(std::int64_t place) const {
  const std::int64_t token = work_.plan.selecting[static_cast<std::size_t>(place)];
  return work_.projected.data() + token * model_.hidden_columns + 2 * kStateWidth;
}

void Step::prepare_queries() {
  for_each_unit(executor_, work_.portion.selected, [&](int lane, std::int64_t place) {
    (has_int8_rows() ? prepare_codes(place, lane) : prepare_values(place, lane));
  });
  if (has_int8_rows())
    report_rotations(stage(Stage::quantize), work_.portion.selected * shape_.heads);
  stage(Stage::quantize).bytes +=
      work_.portion.selected * shape_.heads * (kHeadDim * 4 + 2 * static_cast<int>(sizeof(float)));
}

void Step::report_rotations(StageReport& report, std::int64_t rows) const {
  constexpr std::int64_t kLevels = 7;
  if (model_.rotation().butterflies) {
    report.fp32_adds += rows * kLevels * kHeadDim;
  } else {
    report.bf16_macs += rows * kHeadDim * kHeadDim;
  }
}

/// The packed heads take the place of q.
void Step::prepare_codes(std::int64_t place, std::int64_t lane) {
  const std::int64_t heads = shape_.heads;
  const RopeAngle& angle = query_angle(place);
  std::int8_t* codes = work_.codes.data() + lane * heads * kHeadDim;
  float* scale = work_.scales.data() + lane * heads;
  kernels_.transform_query({.heads = heads,
                            .q = q(place),
                            .cos = angle.cos.data(),
                            .sin = angle.sin.data(),
                            .rotation = model_.rotation(),
                            .codes = codes,
                            .scale = scale});

  const float* weight = head_weights(place);
  std::array<float, kMostHeads> folded{};
  for (std::int64_t head = 0; head < heads; ++head) {
    folded[static_cast<std::size_t>(head)] = weight[head] * scale[head];
  }
  std::array<std::int32_t, kMostHeads> order;
  kernels_.order_heads(folded.data(), heads, order.data());
  float* in_order = work_.folded.data() + place * heads;
  for (std::int64_t i = 0; i < heads; ++i) {
    in_order[i] = folded[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])];
  }
  kernels_.pack_query(codes, order.data(), heads, this->heads(place),
                      work_.correction.data() + place * heads);
}

}  // namespace fulgurite::cpu
