#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "cpu/kernels.hpp"
#include "cpu/project-inl.hpp"
#include "cpu/score-inl.hpp"

// Scores of rows that are no int8 codes: sixteen rows at a time are brought into the form of a
// matrix of sixteen columns and multiplied with the heads as hidden states are with their weights.
// e2m1 values and e4m3 codes are exact in bf16.

namespace fulgurite::cpu {
namespace {

constexpr int kWideRows = 4;  ///< rows whose sums are formed side by side

/// Rows [count][depth] times one block of columns [depth][16], to out [count][stride].
FULGURITE_INLINE void multiply_wide(const float* rows, std::int64_t count, std::int64_t depth,
                                    const float* block, float* out, std::int64_t stride) {
  for (std::int64_t first = 0; first < count; first += kWideRows) {
    const std::int64_t left = count - first;
    const std::int64_t used = left < kWideRows ? left : kWideRows;
    const float* row[kWideRows];
    F32 sum[kWideRows];
#pragma GCC unroll 4
    for (int i = 0; i < kWideRows; ++i) {
      row[i] = rows + (first + (i < used ? i : 0)) * depth;
      sum[i] = zero_f32();
    }
    for (std::int64_t k = 0; k < depth; ++k) {
      const F32 line = load(block + k * kLanes);
#pragma GCC unroll 4
      for (int i = 0; i < kWideRows; ++i) sum[i] = add(sum[i], mul(set1(row[i][k]), line));
    }
    for (int i = 0; i < used; ++i) store(out + (first + i) * stride, sum[i]);
  }
}

void project_wide(const WideProjection& p, std::int64_t first, std::int64_t last) {
  for (std::int64_t column = first; column < last; column += kLanes) {
    multiply_wide(p.rows, p.tokens, p.depth, p.weights + column * p.depth, p.out + column,
                  p.columns);
  }
}

/// The bf16 of a number that bf16 holds, denormals flushed as the Dot sees them.
FULGURITE_INLINE std::uint16_t exact_bf16(float x) {
  std::uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return without_denormal(static_cast<std::uint16_t>(bits >> 16));
}

FULGURITE_INLINE float from_bits(std::uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

/// The scale of an exponent byte: 2^(byte - 127), NaN for 255.
FULGURITE_INLINE float power_of_two(std::uint32_t byte) {
  if (byte == 255) return from_bits(0x7fc00000);
  return from_bits(byte == 0 ? 0x00400000 : byte << 23);
}

/// Puts a row into column `lane` of lines [64 pairs][16][2].
FULGURITE_INLINE void decode_e2m1(const std::uint8_t* codes, const std::uint8_t* exponents,
                                  std::uint16_t* lines, int lane) {
  constexpr float kNumbers[8] = {0, 0.5F, 1, 1.5F, 2, 3, 4, 6};
  constexpr int kBlocks = 4;
  constexpr int kBlockPairs = 16;
  for (int block = 0; block < kBlocks; ++block) {
    const float scale = power_of_two(exponents[block]);
    std::uint16_t numbers[16];
    for (int code = 0; code < 8; ++code) {
      const std::uint16_t number = exact_bf16(kNumbers[code] * scale);
      numbers[code] = number;
      numbers[code + 8] = static_cast<std::uint16_t>(number ^ 0x8000);
    }
    numbers[8] = numbers[0];  // a code of 0 has no sign
    for (int i = block * kBlockPairs; i < (block + 1) * kBlockPairs; ++i) {
      std::uint16_t* const pair = lines + (i * kLanes + lane) * 2;
      pair[0] = numbers[codes[i] & 15];
      pair[1] = numbers[codes[i] >> 4];
    }
  }
}

/// bf16 of an e4m3 byte: sign, exponent + 120, three bits of the mantissa; the numbers below 2^-6
/// are multiples of 2^-9.
FULGURITE_INLINE std::uint16_t bf16_of_e4m3(std::uint32_t code) {
  const std::uint32_t sign = (code & 0x80) << 8;
  const std::uint32_t magnitude = code & 0x7f;
  if (magnitude == 0x7f) return 0x7fc0;
  if (magnitude >= 8) {
    return static_cast<std::uint16_t>(sign | ((magnitude << 4) + (120U << 7)));
  }
  return static_cast<std::uint16_t>(sign | exact_bf16(static_cast<float>(magnitude) * 0x1p-9F));
}

FULGURITE_INLINE void decode_e4m3(const std::uint8_t* codes, std::uint16_t* lines, int lane) {
  for (int i = 0; i < kHeadDim; ++i) {
    lines[(i / 2 * kLanes + lane) * 2 + i % 2] = bf16_of_e4m3(codes[i]);
  }
}

/// Sixteen rows, where they are stored. Beyond `count` the last one stands in.
struct ValueRows {
  std::int64_t count;
  const std::uint8_t* codes[kLanes];
  const float* scale[kLanes];
};

FULGURITE_INLINE ValueRows value_rows(const KeyTable& table, std::int64_t row_bytes,
                                      std::int64_t first, std::int64_t last) {
  ValueRows rows;
  rows.count = last - first < kLanes ? last - first : kLanes;
  for (int i = 0; i < kLanes; ++i) {
    const std::int64_t row = first + (i < rows.count ? i : rows.count - 1);
    const KeyPage& page = table.pages[row / table.page_rows];
    const std::int64_t in_page = row % table.page_rows;
    rows.codes[i] = reinterpret_cast<const std::uint8_t*>(page.codes) + in_page * row_bytes;
    rows.scale[i] = page.scale + in_page;
  }
  return rows;
}

/// Products [H][16] of the heads with rows that bf16 holds.
FULGURITE_INLINE void multiply_bf16_rows(const ValueQuery& q, const ValueRows& rows,
                                         float* products, float* scales) {
  alignas(64) std::uint16_t lines[kHeadDim * kLanes];
  for (int i = 0; i < kLanes; ++i) {
    scales[i] = 1;
    if (q.format == KeyFormat::e2m1) {
      decode_e2m1(rows.codes[i], reinterpret_cast<const std::uint8_t*>(rows.scale[i]), lines, i);
    } else {
      decode_e4m3(rows.codes[i], lines, i);
      scales[i] = *rows.scale[i];
    }
  }
  ExponentRange exponents{};
  if constexpr (!kHasFusedMultiplyAdd) exponents = exponents_of(lines, kHeadDim * kLanes);
  project({.tokens = q.heads,
           .hidden = kHeadDim,
           .columns = kLanes,
           .weights = lines,
           .weight_exponents = kHasFusedMultiplyAdd ? nullptr : &exponents,
           .activations = q.rows,
           .out = products},
          0, kLanes);
}

FULGURITE_INLINE void multiply_fp32_rows(const ValueQuery& q, const ValueRows& rows,
                                         float* products, float* scales) {
  alignas(64) float block[kHeadDim * kLanes];
  for (int i = 0; i < kLanes; ++i) {
    scales[i] = 1;
    for (int k = 0; k < kHeadDim; ++k) {
      std::memcpy(block + k * kLanes + i, rows.codes[i] + k * static_cast<int>(sizeof(float)),
                  sizeof(float));
    }
  }
  multiply_wide(static_cast<const float*>(q.rows), q.heads, kHeadDim, block, products, kLanes);
}

/// 0 where x is below it; NaN stays.
FULGURITE_INLINE F32 relu(F32 x) { return select(greater(zero_f32(), x), zero_f32(), x); }

FULGURITE_INLINE F32 sum_products(const ValueQuery& q, const float* products, F32 scale) {
  F32 sum = zero_f32();
  for (std::int64_t head = 0; head < q.heads; ++head) {
    const F32 product = load(products + head * kLanes);
    const F32 weight = set1(q.weight[head]);
    if (q.bf16_sums) {
      sum = add(sum, round_bf16(mul(relu(round_bf16(product)), weight)));
    } else {
      sum = add(sum, mul(relu(product), weight));
    }
  }
  const F32 score = mul(sum, scale);
  return q.bf16_sums ? round_bf16(score) : score;
}

constexpr std::int64_t row_bytes_of(KeyFormat format) {
  return format == KeyFormat::e2m1   ? kHeadDim / 2
         : format == KeyFormat::fp32 ? kHeadDim * static_cast<int>(sizeof(float))
                                     : kHeadDim;
}

void score_values(const ValueQuery& q, const KeyTable& table, std::int64_t first, std::int64_t last,
                  float* out, TopList& list) {
  alignas(64) float products[kMostHeads * kLanes];
  alignas(64) float scales[kLanes];
  for (std::int64_t row = first; row < last; row += kLanes) {
    const ValueRows rows = value_rows(table, row_bytes_of(q.format), row, last);
    if (q.format == KeyFormat::fp32) {
      multiply_fp32_rows(q, rows, products, scales);
    } else {
      multiply_bf16_rows(q, rows, products, scales);
    }
    const F32 scores = sum_products(q, products, load(scales));
    if (list.count > list.capacity - kTileRows) select_top(list);
    if (out != nullptr) store_first(out + (row - first), rows.count, canonical_nan(scores));
    offer(list, first_lanes(rows.count), scores, row_numbers(row, 0));
  }
}

}  // namespace
}  // namespace fulgurite::cpu
