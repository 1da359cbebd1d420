#pragma once

#include <cstdint>

#include "cpu/kernels.hpp"
#include "fulgurite/dtype.hpp"
#include "fulgurite/tensor.hpp"

// The one packed form of each weight matrix, good for every ISA: lines of 64 bytes that hold 16
// outputs side by side. Columns are outputs; a range of columns is half-open and of multiples of
// kColumnBlock, so that several threads can share the work. K is the summed axis.

namespace fulgurite::cpu {

/// Bytes that pack_qr and pack_x of any ISA may write for T tokens; throw Error(input) on overflow.
std::int64_t packed_qr_bytes(std::int64_t tokens, std::int64_t query_rank);
std::int64_t packed_x_bytes(std::int64_t tokens, std::int64_t hidden);

/// The columns of `columns` outputs, rounded up to kColumnBlock.
std::int64_t packed_columns(std::int64_t columns);

/// wq_b [N, K] int8, N and K multiples of 16, to [N/16][K/4][16][4] bytes, code ^ 0x80.
void pack_query_weights(TensorView<const std::int8_t, 2> wq_b, std::int64_t first,
                        std::int64_t last, std::uint8_t* packed);

/// wq_b [N, K] bf16, N and K multiples of 16, to fp32 [N/16][K][16].
void pack_wide_weights(TensorView<const Bf16, 2> wq_b, std::int64_t first, std::int64_t last,
                       float* packed);

/// wq_b [N, K] e4m3 bytes, N and K multiples of 16, to bf16: for each 128 of K, of which the last
/// may be fewer, a matrix [N/16][K'/2][16][2], one after the other.
void pack_block_weights(TensorView<const std::uint8_t, 2> wq_b, std::int64_t first,
                        std::int64_t last, std::uint16_t* packed);

/// The exponents of e4m3 numbers, in which a whole matrix of theirs lies.
inline constexpr ExponentRange kE4m3Exponents{.smallest = -9, .largest = 8};

/// wkv [256, D], wgate [256, D] and weights_proj [H, D] as one matrix of 512 + H columns: bf16
/// [N/16][D/2][16][2], and the exponent range of each block of 16 columns. N is packed_columns(512
/// + H); columns beyond the last head are 0. Denormals become zero of their sign, as the definition
/// has it (docs/numerics.md); all values are finite; D is a multiple of 16.
void pack_hidden_weights(TensorView<const Bf16, 2> wkv, TensorView<const Bf16, 2> wgate,
                         TensorView<const Bf16, 2> weights_proj, std::int64_t first,
                         std::int64_t last, std::uint16_t* packed, ExponentRange* ranges);

}  // namespace fulgurite::cpu
