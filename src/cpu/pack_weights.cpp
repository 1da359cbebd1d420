#include "cpu/pack_weights.hpp"

#include <algorithm>
#include <cassert>

#include "core/checked.hpp"
#include "indexer/small_floats.hpp"

namespace fulgurite::cpu {
namespace {

constexpr int kExponentBias = 127;

/// Zero for denormals, else x.
std::uint16_t flushed(Bf16 x) {
  constexpr std::uint16_t kExponent = 0x7f80;
  constexpr std::uint16_t kSign = 0x8000;
  const bool tiny = (x.bits & kExponent) == 0;
  return tiny ? static_cast<std::uint16_t>(x.bits & kSign) : x.bits;
}

void widen(ExponentRange& range, std::uint16_t flushed_bits) {
  const int biased = (flushed_bits >> 7) & 0xff;
  if (biased == 0) return;
  range.smallest = std::min(range.smallest, biased - kExponentBias);
  range.largest = std::max(range.largest, biased - kExponentBias);
}

}  // namespace

std::int64_t packed_qr_bytes(std::int64_t tokens, std::int64_t query_rank) {
  const std::int64_t rows = core::round_up(tokens, kRowBlock);
  return core::checked_multiply("qr", rows, core::checked_multiply("qr", query_rank, 2));
}

std::int64_t packed_x_bytes(std::int64_t tokens, std::int64_t hidden) {
  const std::int64_t rows = core::round_up(tokens, kMaxHiddenRows);
  return core::checked_multiply("x", rows, core::checked_multiply("x", hidden + 16, 4));
}

std::int64_t packed_columns(std::int64_t columns) { return core::round_up(columns, kColumnBlock); }

void pack_query_weights(TensorView<const std::int8_t, 2> wq_b, std::int64_t first,
                        std::int64_t last, std::uint8_t* packed) {
  const std::int64_t depth = wq_b.extent(1);
  assert(first % kColumnBlock == 0 && last % kColumnBlock == 0 && depth % 4 == 0);
  const auto [column_stride, depth_stride] = wq_b.strides();
  std::uint8_t* out = packed + first * depth;
  for (std::int64_t column = first; column < last; column += kColumnBlock) {
    for (std::int64_t k = 0; k < depth; k += 4) {
      const std::int8_t* corner = wq_b.data() + column * column_stride + k * depth_stride;
      for (std::int64_t lane = 0; lane < kColumnBlock; ++lane) {
        for (std::int64_t i = 0; i < 4; ++i) {
          const std::int8_t code = corner[lane * column_stride + i * depth_stride];
          *out++ = static_cast<std::uint8_t>(code ^ 0x80);
        }
      }
    }
  }
}

void pack_wide_weights(TensorView<const Bf16, 2> wq_b, std::int64_t first, std::int64_t last,
                       float* packed) {
  const std::int64_t depth = wq_b.extent(1);
  float* out = packed + first * depth;
  for (std::int64_t column = first; column < last; column += kColumnBlock) {
    for (std::int64_t k = 0; k < depth; ++k) {
      for (std::int64_t lane = 0; lane < kColumnBlock; ++lane) {
        *out++ = to_float(wq_b(column + lane, k));
      }
    }
  }
}

void pack_block_weights(TensorView<const std::uint8_t, 2> wq_b, std::int64_t first,
                        std::int64_t last, std::uint16_t* packed) {
  const auto [columns, depth] = wq_b.shape();
  for (std::int64_t block = 0; block < depth; block += kScaleBlock) {
    const std::int64_t width = std::min(kScaleBlock, depth - block);
    std::uint16_t* out = packed + block * columns + first * width;
    for (std::int64_t column = first; column < last; column += kColumnBlock) {
      for (std::int64_t k = block; k < block + width; k += 2) {
        for (std::int64_t lane = 0; lane < kColumnBlock; ++lane) {
          *out++ = to_bf16(from_e4m3(wq_b(column + lane, k))).bits;
          *out++ = to_bf16(from_e4m3(wq_b(column + lane, k + 1))).bits;
        }
      }
    }
  }
}

void pack_hidden_weights(TensorView<const Bf16, 2> wkv, TensorView<const Bf16, 2> wgate,
                         TensorView<const Bf16, 2> weights_proj, std::int64_t first,
                         std::int64_t last, std::uint16_t* packed, ExponentRange* ranges) {
  const std::int64_t hidden = wkv.extent(1);
  const std::int64_t kv_columns = wkv.extent(0);
  const std::int64_t gate_columns = wgate.extent(0);
  assert(first % kColumnBlock == 0 && last % kColumnBlock == 0 && hidden % 2 == 0);
  for (std::int64_t column = first; column < last; ++column) {
    const std::int64_t block = column / kColumnBlock;
    const std::int64_t lane = column % kColumnBlock;
    ExponentRange& range = ranges[block];
    if (lane == 0) range = {.smallest = kExponentBias, .largest = -kExponentBias};

    TensorView<const Bf16, 1> row;
    if (column < kv_columns) {
      row = wkv[column];
    } else if (column < kv_columns + gate_columns) {
      row = wgate[column - kv_columns];
    } else if (column < kv_columns + gate_columns + weights_proj.extent(0)) {
      row = weights_proj[column - kv_columns - gate_columns];
    }
    std::uint16_t* out = packed + block * kColumnBlock * hidden + lane * 2;
    for (std::int64_t k = 0; k < hidden; ++k) {
      const std::uint16_t bits = row.empty() ? std::uint16_t{0} : flushed(row(k));
      out[(k / 2) * (2 * kColumnBlock) + k % 2] = bits;
      widen(range, bits);
    }
  }
}

}  // namespace fulgurite::cpu
