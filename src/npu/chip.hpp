#pragma once

#include <span>
#include <string>
#include <string_view>

namespace fulgurite::npu {

/// Every number of the model of the a2a3 NPU, in one place. Each has its source, its confidence
/// and the range in which documents and measurements disagree: see `constants`.
///
/// All are `double`, so that one table and one `set` serve all.
struct Chip {
  // ---- Cores
  double clusters = 24;  ///< of one AIC and `aiv_per_cluster` AIV each
  double aiv_per_cluster = 2;
  double schedulers = 3;  ///< AICPU threads; each owns an equal part of the clusters
  double clock_mhz = 1850;

  // ---- Memories, bytes
  double l1_bytes = 524288;   ///< "Mat", per AIC
  double l0a_bytes = 65536;   ///< "Left"
  double l0b_bytes = 65536;   ///< "Right"
  double l0c_bytes = 131072;  ///< "Acc"
  double vec_bytes = 196608;  ///< the budget of the UB; 188416 since 2026-06-17
  double l0_align_bytes = 64;
  double l1_align_bytes = 128;
  double l0c_align_bytes = 128;
  double vec_align_bytes = 128;
  double acc_rows_align = 16;        ///< rows of an accumulator are padded to a multiple
  double acc_rows_align_int32 = 32;  ///< of an INT32 accumulator
  double vec_row_bytes = 32;         ///< rows of a Vec tile are multiples
  double dma_line_bytes = 512;       ///< shorter rows of a window over-fetch
  double reduce_scratch_cols = 128;  ///< least width of the scratch tile of a row reduction

  // ---- Ring between the cube and the vector side of a mixed kernel
  double ring_slots = 8;          ///< if tiles cross in one direction; 2 since 2026-08-16
  double ring_slots_two_way = 4;  ///< of each direction, if they cross in both

  // ---- Runtime, microseconds
  double orchestrator_us = 0.87;  ///< serial, per task
  double dispatch_us = 0.35;      ///< per subtask, on a scheduler thread
  double completion_us = 0.6;     ///< per subtask, on a scheduler thread
  double start_us = 0.35;         ///< from dispatch to the first instruction
  double pending_per_core = 1;    ///< tasks that may be staged behind the running one
  double task_window = 16384;     ///< tasks that the runtime holds at a time

  // ---- Transfers: bytes / bytes_per_cycle of the pipe; the data is there `start` later
  double gm_start_cycles = 200;
  double gm_to_ub_bytes_per_cycle = 58.6;
  double gm_to_l1_bytes_per_cycle = 78.4;
  double ub_to_gm_bytes_per_cycle = 109.4;
  double l1_to_l0a_bytes_per_cycle = 129.7;
  double l1_to_l0b_bytes_per_cycle = 85.4;
  double die_gb_per_s = 1600;  ///< of GM, all cores together

  // ---- FIXPIPE, L0C to GM: max(fixed + rows * max(row_min, row_bytes / row_rate), bytes / rate)
  double fixpipe_fixed_cycles = 164;
  double fixpipe_row_cycles = 4.45;
  double fixpipe_row_bytes_per_cycle = 118;
  double fixpipe_bytes_per_cycle = 40.6;
  double fixpipe_odd_row_cycles = 2.6;  ///< more per row if groups of 8 columns are odd

  // ---- Cube: head + ceil(M/16) * ceil(K*bytes/32) * ceil(N/16), twice for FP32
  double mad_head_cycles = 21;
  double mad_step_cycles = 1;

  // ---- Vector: slope * r + fixed, r = repeats of `repeat_bytes`
  double repeat_bytes = 256;
  double partial_repeat_cycles = 16;  ///< once per binary op whose bytes are no multiple
  double add_slope = 2.11, add_fixed = 24;
  double mul_slope = 2.0, mul_fixed = 25;
  double max_slope = 2.01, max_fixed = 23;
  double div_slope = 4.03, div_fixed = 31;             ///< also recip
  double mul_scalar_slope = 1, mul_scalar_fixed = 26;  ///< also neg
  double max_scalar_slope = 1, max_scalar_fixed = 23;
  double add_scalar_slope = 1, add_scalar_fixed = 31;
  double abs_slope = 1, abs_fixed = 29;
  double exp_slope = 2, exp_fixed = 31;  ///< also sqrt
  double cast_slope = 2, cast_fixed = 32;
  double full_slope = 1, full_fixed = 24;  ///< also copies
  double select_slope = 2, select_fixed = 27;
  double gather_mask_slope = 14, gather_mask_fixed = 34;
  double row_reduce_cycles = 7;      ///< per row, up to 64 columns
  double row_reduce_cycles_128 = 8;  ///< per row of 128 columns
  double row_reduce_fixed_32 = 47;   ///< up to 32 columns
  double row_reduce_fixed_64 = 32;
  double row_reduce_fixed_128 = 48;
  double row_reduce_element_cycles = 0.05;  ///< per element beyond 128 columns
  double row_reduce_element_fixed = 105;
  double row_sum_extra = 12;
  double expand_cycles = 18;  ///< more than the same op without expansion
  double gather_row_cycles = 46.6, gather_fixed = 24;
  double sort32_cycles = 2, sort32_fixed = 6;      ///< per block of 32
  double mrgsort_cycles = 78, mrgsort_fixed = 20;  ///< per 256 elements of a level
};

enum class Confidence { measured, code, derived, assumed };
std::string_view name(Confidence confidence);

/// What is known about a number of the chip.
struct Constant {
  std::string_view name;  ///< that of the member
  double Chip::* member;
  std::string_view unit;
  double low;  ///< of the documented range; low == high where sources agree
  double high;
  Confidence confidence;
  std::string_view source;
};
/// All of them, in the order of `Chip`.
std::span<const Constant> constants();

/// "orchestrator_us=1.3". Throws Error(usage) that names the constant unless it exists and the
/// value is a number that the model can work with: counts and sizes are whole, rates not 0.
void set(Chip& chip, std::string_view assignment);

}  // namespace fulgurite::npu
