#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "cpu/simd/inline.hpp"

// The vocabulary of the kernels for any machine, on the vector types of GCC and Clang: sixteen
// lanes are four 16-byte vectors. Nothing here names an instruction.

namespace fulgurite::cpu {
namespace {

constexpr int kLanes = 16;
constexpr int kParts = 4;
using Float4 = float __attribute__((vector_size(16)));
using Int4 = std::int32_t __attribute__((vector_size(16)));
using Unsigned4 = std::uint32_t __attribute__((vector_size(16)));
struct F32 {
  Float4 part[kParts];
};
struct I32 {
  Int4 part[kParts];
};
struct Mask {
  Int4 part[kParts];  // all bits of a lane, or none
};

// What the blocking of the kernels may depend on.
constexpr int kVectorRegisters = 4;  // that hold a whole F32
constexpr bool kHasFusedMultiplyAdd = false;
constexpr int kTileGroups = 1;        // groups of 16 keys that are scored together
constexpr int kHeadsAtOnce = 4;       // whose Dots with a tile are formed together
constexpr bool kSpreadParts = false;  // the next tile is brought in between the lines of a Dot

template <class Result, class Each>
FULGURITE_INLINE Result each_part(Each each) {
  Result result;
#pragma GCC unroll 4
  for (int i = 0; i < kParts; ++i) result.part[i] = each(i);
  return result;
}
#define FULGURITE_EACH(Result, expression) \
  each_part<Result>([&](int i) FULGURITE_INLINE_LAMBDA { return expression; })

// ---- constants, loads and stores
FULGURITE_INLINE F32 set1(float x) {
  const Float4 part = {x, x, x, x};
  return {{part, part, part, part}};
}
FULGURITE_INLINE I32 set1(std::int32_t x) {
  const Int4 part = {x, x, x, x};
  return {{part, part, part, part}};
}
FULGURITE_INLINE I32 lane_numbers() {
  return FULGURITE_EACH(I32, (Int4{4 * i, 4 * i + 1, 4 * i + 2, 4 * i + 3}));
}
template <class Vector>
FULGURITE_INLINE Vector load_vector(const void* p) {
  Vector x;
  std::memcpy(&x, p, sizeof x);
  return x;
}
FULGURITE_INLINE F32 load(const float* p) { return load_vector<F32>(p); }
FULGURITE_INLINE I32 load(const std::int32_t* p) { return load_vector<I32>(p); }
FULGURITE_INLINE I32 load(const std::uint32_t* p) { return load_vector<I32>(p); }
FULGURITE_INLINE void store(float* p, F32 x) { std::memcpy(p, &x, sizeof x); }
FULGURITE_INLINE void store(std::int32_t* p, I32 x) { std::memcpy(p, &x, sizeof x); }
FULGURITE_INLINE void store(std::uint32_t* p, I32 x) { std::memcpy(p, &x, sizeof x); }

// ---- arithmetic, each operation rounded once
FULGURITE_INLINE F32 add(F32 a, F32 b) { return FULGURITE_EACH(F32, a.part[i] + b.part[i]); }
FULGURITE_INLINE F32 sub(F32 a, F32 b) { return FULGURITE_EACH(F32, a.part[i] - b.part[i]); }
FULGURITE_INLINE F32 mul(F32 a, F32 b) { return FULGURITE_EACH(F32, a.part[i] * b.part[i]); }
FULGURITE_INLINE F32 div(F32 a, F32 b) { return FULGURITE_EACH(F32, a.part[i] / b.part[i]); }
FULGURITE_INLINE I32 add(I32 a, I32 b) {
  return FULGURITE_EACH(I32, Int4(Unsigned4(a.part[i]) + Unsigned4(b.part[i])));
}
FULGURITE_INLINE I32 sub(I32 a, I32 b) {
  return FULGURITE_EACH(I32, Int4(Unsigned4(a.part[i]) - Unsigned4(b.part[i])));
}
FULGURITE_INLINE I32 bit_and(I32 a, I32 b) { return FULGURITE_EACH(I32, a.part[i] & b.part[i]); }
FULGURITE_INLINE I32 bit_or(I32 a, I32 b) { return FULGURITE_EACH(I32, a.part[i] | b.part[i]); }
FULGURITE_INLINE I32 bit_xor(I32 a, I32 b) { return FULGURITE_EACH(I32, a.part[i] ^ b.part[i]); }
template <int kBits>
FULGURITE_INLINE I32 shift_left(I32 a) {
  return FULGURITE_EACH(I32, Int4(Unsigned4(a.part[i]) << kBits));
}
template <int kBits>
FULGURITE_INLINE I32 shift_right(I32 a) {
  return FULGURITE_EACH(I32, Int4(Unsigned4(a.part[i]) >> kBits));
}
template <int kBits>
FULGURITE_INLINE I32 shift_right_signed(I32 a) {
  return FULGURITE_EACH(I32, a.part[i] >> kBits);
}

// ---- conversions
FULGURITE_INLINE I32 as_i32(F32 a) { return load_vector<I32>(&a); }
FULGURITE_INLINE F32 as_f32(I32 a) { return load_vector<F32>(&a); }
FULGURITE_INLINE F32 to_f32(I32 a) {
  return FULGURITE_EACH(F32, __builtin_convertvector(a.part[i], Float4));
}
/// a + b, or a - b where `sign` has the sign bit and not 0.
FULGURITE_INLINE F32 add_signed(F32 a, F32 b, I32 sign) {
  return add(a, as_f32(bit_xor(as_i32(b), sign)));
}
/// For |a| < 2^22. Adding 1.5 * 2^23 leaves the nearest integer, ties to even, in the low bits.
FULGURITE_INLINE I32 round_to_i32(F32 a) {
  constexpr float kMagic = 0x1.8p23F;
  return sub(as_i32(add(a, set1(kMagic))), as_i32(set1(kMagic)));
}
/// The low bytes, even and odd in turn: 32 bytes.
FULGURITE_INLINE void store_s8_pairs(std::int8_t* p, I32 even, I32 odd) {
#pragma GCC unroll 16
  for (int lane = 0; lane < kLanes; ++lane) {
    p[2 * lane] = static_cast<std::int8_t>(even.part[lane / 4][lane % 4]);
    p[2 * lane + 1] = static_cast<std::int8_t>(odd.part[lane / 4][lane % 4]);
  }
}
/// Two u16 a lane, the first one low.
FULGURITE_INLINE I32 load_u16_pairs(const std::uint16_t* p) { return load_vector<I32>(p); }
FULGURITE_INLINE void store_u16_pairs(std::uint16_t* p, I32 a) { std::memcpy(p, &a, sizeof a); }
FULGURITE_INLINE I32 load_u16(const std::uint16_t* p) {
  return FULGURITE_EACH(I32, (Int4{p[4 * i], p[4 * i + 1], p[4 * i + 2], p[4 * i + 3]}));
}
FULGURITE_INLINE void store_u16(std::uint16_t* p, I32 a) {
#pragma GCC unroll 16
  for (int lane = 0; lane < kLanes; ++lane) {
    p[lane] = static_cast<std::uint16_t>(a.part[lane / 4][lane % 4]);
  }
}

// ---- masks
FULGURITE_INLINE Mask greater(F32 a, F32 b) {
  return FULGURITE_EACH(Mask, Int4(a.part[i] > b.part[i]));
}
FULGURITE_INLINE Mask less(F32 a, F32 b) { return greater(b, a); }
FULGURITE_INLINE Mask equal(F32 a, F32 b) {
  return FULGURITE_EACH(Mask, Int4(a.part[i] == b.part[i]));
}
FULGURITE_INLINE Mask is_nan(F32 a) { return FULGURITE_EACH(Mask, Int4(a.part[i] != a.part[i])); }
FULGURITE_INLINE Mask greater(I32 a, I32 b) {
  return FULGURITE_EACH(Mask, Int4(a.part[i] > b.part[i]));
}
FULGURITE_INLINE Mask mask_and(Mask a, Mask b) {
  return FULGURITE_EACH(Mask, a.part[i] & b.part[i]);
}
FULGURITE_INLINE Mask mask_or(Mask a, Mask b) {
  return FULGURITE_EACH(Mask, a.part[i] | b.part[i]);
}
FULGURITE_INLINE Mask mask_not(Mask a) { return FULGURITE_EACH(Mask, ~a.part[i]); }
FULGURITE_INLINE I32 select(Mask m, I32 yes, I32 no) {
  return FULGURITE_EACH(I32, (yes.part[i] & m.part[i]) | (no.part[i] & ~m.part[i]));
}
FULGURITE_INLINE F32 select(Mask m, F32 yes, F32 no) {
  return as_f32(select(m, as_i32(yes), as_i32(no)));
}
FULGURITE_INLINE F32 max(F32 a, F32 b) { return select(greater(a, b), a, b); }
FULGURITE_INLINE F32 min(F32 a, F32 b) { return select(less(a, b), a, b); }
FULGURITE_INLINE I32 max(I32 a, I32 b) { return select(greater(a, b), a, b); }
FULGURITE_INLINE Mask first_lanes(std::int64_t n) {
  return greater(set1(static_cast<std::int32_t>(n < kLanes ? n : kLanes)), lane_numbers());
}
FULGURITE_INLINE std::uint32_t bits(Mask m) {
  std::uint32_t all = 0;
#pragma GCC unroll 16
  for (int lane = 0; lane < kLanes; ++lane) {
    all |= (static_cast<std::uint32_t>(m.part[lane / 4][lane % 4]) & 1U) << lane;
  }
  return all;
}
FULGURITE_INLINE F32 load_first(const float* p, std::int64_t n) {
  F32 x = set1(0.0F);
  std::memcpy(&x, p, static_cast<std::size_t>(n < kLanes ? n : kLanes) * sizeof(float));
  return x;
}
FULGURITE_INLINE void store_first(float* p, std::int64_t n, F32 x) {
  std::memcpy(p, &x, static_cast<std::size_t>(n < kLanes ? n : kLanes) * sizeof(float));
}

// ---- across lanes
template <int kDistance>
FULGURITE_INLINE F32 lane_xor(F32 a) {
  static_assert(kDistance == 1 || kDistance == 2 || kDistance == 4 || kDistance == 8);
  if constexpr (kDistance >= 4) {
    return FULGURITE_EACH(F32, a.part[i ^ (kDistance / 4)]);
  } else {
    return FULGURITE_EACH(F32, (Float4{a.part[i][kDistance], a.part[i][1 ^ kDistance],
                                       a.part[i][2 ^ kDistance], a.part[i][3 ^ kDistance]}));
  }
}
/// Every other lane of the 32 lanes of a, then b.
FULGURITE_INLINE F32 even_lanes(F32 a, F32 b) {
  const Float4* const in[kParts] = {&a.part[0], &a.part[2], &b.part[0], &b.part[2]};
  return FULGURITE_EACH(F32, __builtin_shufflevector(in[i][0], in[i][1], 0, 2, 4, 6));
}
FULGURITE_INLINE F32 odd_lanes(F32 a, F32 b) {
  const Float4* const in[kParts] = {&a.part[0], &a.part[2], &b.part[0], &b.part[2]};
  return FULGURITE_EACH(F32, __builtin_shufflevector(in[i][0], in[i][1], 1, 3, 5, 7));
}
FULGURITE_INLINE F32 interleave(const Float4* a, const Float4* b) {
  return {{__builtin_shufflevector(a[0], b[0], 0, 4, 1, 5),
           __builtin_shufflevector(a[0], b[0], 2, 6, 3, 7),
           __builtin_shufflevector(a[1], b[1], 0, 4, 1, 5),
           __builtin_shufflevector(a[1], b[1], 2, 6, 3, 7)}};
}
/// The lanes 0..7, or 8..15, of a and b in turn.
FULGURITE_INLINE F32 interleave_low(F32 a, F32 b) { return interleave(&a.part[0], &b.part[0]); }
FULGURITE_INLINE F32 interleave_high(F32 a, F32 b) { return interleave(&a.part[2], &b.part[2]); }
FULGURITE_INLINE float first_lane(F32 a) { return a.part[0][0]; }
FULGURITE_INLINE std::int32_t first_lane(I32 a) { return a.part[0][0]; }

/// Puts the lanes of the mask at scores[0..) and rows[0..), and returns how many there are. All
/// sixteen places may be written.
FULGURITE_INLINE int append(float* scores, std::uint32_t* rows, Mask m, F32 score, I32 row) {
  const std::uint32_t set = bits(m);
  float each_score[kLanes];
  std::uint32_t each_row[kLanes];
  store(each_score, score);
  store(each_row, row);
  int count = 0;
  for (int lane = 0; lane < kLanes; ++lane) {
    scores[count] = each_score[lane];
    rows[count] = each_row[lane];
    count += static_cast<int>(set >> lane & 1U);
  }
  return count;
}
constexpr bool kAppendIsCheap = false;

// ---- int8 Dot. Vectors of 32-bit integers multiply slowly on a plain x86-64; in fp32 every
// product of two codes is exact, and so is a sum of four.
constexpr std::size_t kWordBytes = 4 * sizeof(std::int16_t);
struct Line {
  F32 feature[4];
};
struct Word {
  Float4 feature[4];
};
FULGURITE_INLINE Line load_line(const std::uint8_t* biased) {
  const I32 four = load_vector<I32>(biased);
  const I32 byte = set1(std::int32_t{0xff});
  return {{to_f32(bit_and(four, byte)), to_f32(bit_and(shift_right<8>(four), byte)),
           to_f32(bit_and(shift_right<16>(four), byte)), to_f32(shift_right<24>(four))}};
}
FULGURITE_INLINE Word load_word(const std::uint8_t* word) {
  std::int16_t code[4];
  std::memcpy(code, word, sizeof code);
  const Int4 four = {code[0], code[1], code[2], code[3]};
  const auto x = __builtin_convertvector(four, Float4);
  return {{Float4{x[0], x[0], x[0], x[0]}, Float4{x[1], x[1], x[1], x[1]},
           Float4{x[2], x[2], x[2], x[2]}, Float4{x[3], x[3], x[3], x[3]}}};
}
FULGURITE_INLINE void store_word(std::uint8_t* word, const std::int8_t* four) {
  const std::int16_t wide[4] = {four[0], four[1], four[2], four[3]};
  std::memcpy(word, wide, sizeof wide);
}
FULGURITE_INLINE I32 dot(I32 sum, const Line& line, const Word& word) {
  return FULGURITE_EACH(
      I32, sum.part[i] + __builtin_convertvector((line.feature[0].part[i] * word.feature[0] +
                                                  line.feature[1].part[i] * word.feature[1]) +
                                                     (line.feature[2].part[i] * word.feature[2] +
                                                      line.feature[3].part[i] * word.feature[3]),
                                                 Int4));
}

// ---- a tile of keys: codes widened to 16 bits, [16 keys][128], and so is the query, [H][128]: a
// plain Dot of two rows is what compilers turn into widening multiply-adds.
constexpr int kTileFeatures = 128;
constexpr std::size_t kTileGroupBytes = kLanes * kTileFeatures * sizeof(std::int16_t);
FULGURITE_INLINE std::size_t query_word(std::int64_t head, int four) {
  return (static_cast<std::size_t>(head) * (kTileFeatures / 4) + static_cast<std::size_t>(four)) *
         kWordBytes;
}
template <class Rows>
class PartSteps {
 public:
  FULGURITE_INLINE PartSteps(const Rows& rows, int part, std::uint8_t* group)
      : rows_(rows), part_(part), group_(group) {}
  FULGURITE_INLINE void all_steps() {
    for (int key = 0; key < kLanes; ++key) {
      std::int16_t wide[16];
      for (int i = 0; i < 16; ++i) {
        wide[i] = static_cast<std::int16_t>(rows_[key][16 * part_ + i] + 128);
      }
      constexpr auto kSize = static_cast<int>(sizeof wide[0]);
      std::memcpy(group_ + (key * kTileFeatures + 16 * part_) * kSize, wide, sizeof wide);
    }
  }
  FULGURITE_INLINE void step(int at) {  // there are no steps; the first is all
    if (at == 0) all_steps();
  }

 private:
  Rows rows_;
  int part_;
  std::uint8_t* group_;
};
template <class Between>
FULGURITE_INLINE void dot_heads(const std::uint8_t* tile, const std::uint8_t* words,
                                const std::int32_t* correction, I32 (&sum)[1][4],
                                const Between& /*between*/) {
  std::int32_t each[4][kLanes];
  const auto* key = reinterpret_cast<const std::int16_t*>(tile);
  const auto* query = reinterpret_cast<const std::int16_t*>(words);
  for (int lane = 0; lane < kLanes; ++lane) {
    std::int32_t dot[4] = {};
    for (int i = 0; i < kTileFeatures; ++i) {
      dot[0] += key[i] * query[i];
      dot[1] += key[i] * query[kTileFeatures + i];
      dot[2] += key[i] * query[2 * kTileFeatures + i];
      dot[3] += key[i] * query[3 * kTileFeatures + i];
    }
    for (int head = 0; head < 4; ++head) each[head][lane] = dot[head] + correction[head];
    key += kTileFeatures;
  }
  for (int head = 0; head < 4; ++head) sum[0][head] = load(each[head]);
}

using Sum = I32;
FULGURITE_INLINE Sum to_sum(const I32& a) { return a; }
FULGURITE_INLINE I32 to_i32(const Sum& a) { return a; }

// ---- bf16 Dot, as if FlushDenormals were in force: sums are formed in fp64, where a product is
// exact, and brought to fp32 with one rounding (rounding to odd first makes the second rounding
// harmless).
constexpr std::size_t kBf16WordBytes = 8;
class FlushDenormals {};  // the Dot below flushes by itself
struct Bf16Line {
  F32 even, odd;
};
struct Bf16Word {
  float even, odd;
};
FULGURITE_INLINE Bf16Line load_bf16_line(const std::uint16_t* pairs) {
  const I32 line = load_vector<I32>(pairs);
  return {as_f32(shift_left<16>(line)),
          as_f32(bit_and(line, set1(static_cast<std::int32_t>(0xffff0000U))))};
}
FULGURITE_INLINE Bf16Word load_bf16_word(const std::uint8_t* word) {
  return load_vector<Bf16Word>(word);
}
FULGURITE_INLINE void store_bf16_word(std::uint8_t* word, std::uint16_t even, std::uint16_t odd) {
  const std::uint32_t wide[2] = {std::uint32_t{even} << 16, std::uint32_t{odd} << 16};
  std::memcpy(word, wide, sizeof wide);
}
FULGURITE_INLINE float flushed(float x) {
  const auto u = load_vector<std::uint32_t>(&x);
  const std::uint32_t kept = (u & 0x7f800000U) == 0 ? u & 0x80000000U : u;
  return load_vector<float>(&kept);
}
/// acc + a * b with flushed operands, rounded once; a result that is below 2^-126 after rounding to
/// 24 bits becomes zero of its sign.
FULGURITE_INLINE float fused_flushed(float a, float b, float acc) {
  const double product = static_cast<double>(flushed(a)) * static_cast<double>(flushed(b));
  const double addend = static_cast<double>(acc);
  const double sum = product + addend;
  const double lost_of_addend = sum - product;
  const double error = (product - (sum - lost_of_addend)) + (addend - lost_of_addend);
  auto u = load_vector<std::uint64_t>(&sum);
  if (error < 0 || error > 0) {  // inexact: to odd, towards the truth
    const bool away = (error > 0) == (sum > 0);
    if ((u & 1U) == 0) u = away ? u + 1 : u - 1;
  }
  const auto odd = load_vector<double>(&u);
  const auto result = static_cast<float>(odd);
  constexpr double kSmallestRoundedToNormal = 0x1p-126 - 0x1p-151;
  const bool tiny = odd < kSmallestRoundedToNormal && odd > -kSmallestRoundedToNormal;
  return tiny ? result * 0.0F : result;
}
// Slow in any case, so it is not copied to wherever it is used.
[[maybe_unused, gnu::noinline]] F32 dot(F32 sum, const Bf16Line& line, Bf16Word word) {
  float acc[kLanes];
  float odd[kLanes];
  float even[kLanes];
  store(acc, sum);
  store(odd, line.odd);
  store(even, line.even);
  for (int lane = 0; lane < kLanes; ++lane) {
    acc[lane] = fused_flushed(odd[lane], word.odd, acc[lane]);
    acc[lane] = fused_flushed(even[lane], word.even, acc[lane]);
  }
  return load(acc);
}

}  // namespace
}  // namespace fulgurite::cpu

#include "cpu/simd/derived.hpp"
