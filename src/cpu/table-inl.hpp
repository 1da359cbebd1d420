#pragma once

#include "cpu/compress-inl.hpp"
#include "cpu/kernels.hpp"
#include "cpu/order_heads-inl.hpp"
#include "cpu/project-inl.hpp"
#include "cpu/prune-inl.hpp"
#include "cpu/query-inl.hpp"
#include "cpu/score-inl.hpp"
#include "cpu/select-inl.hpp"
#include "cpu/transform-inl.hpp"
#include "cpu/unfused-inl.hpp"
#include "cpu/values-inl.hpp"

// The table of an ISA's kernels. The file of an ISA includes its vocabulary (cpu/simd), then this.

namespace fulgurite::cpu {
namespace {

constexpr Kernels make_kernels() {
  Kernels kernels{};
  kernels.pack_qr = pack_qr;
  kernels.query = query;
  kernels.pack_x = pack_x;
  kernels.project = project;
  kernels.project_wide = project_wide;
  kernels.transform_query = transform_query;
  kernels.compress_window = compress_window;
  kernels.quantize_rows = quantize_rows;
  kernels.order_heads = order_heads;
  kernels.pack_query = pack_query;
  kernels.score = score;
  kernels.score_select = score_select;
  kernels.score_values = score_values;
  kernels.score_select_pruned = score_select_pruned;
  kernels.reselect_pruned = reselect_pruned;
  kernels.score_sample = score_sample;
  kernels.select_top = select_top;
  kernels.sort_top = sort_top;
  kernels.unfused = {.query_sums = query_sums,
                     .scale_sums = scale_sums,
                     .rope_rows = rope_rows,
                     .rotate_quantize = rotate_quantize,
                     .rope_rotate = rope_rotate,
                     .quantize_rotated = quantize_rotated,
                     .select_scores = select_scores};
  return kernels;
}

}  // namespace
}  // namespace fulgurite::cpu
