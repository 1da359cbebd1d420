// Included by the file of one ISA, after its vocabulary (src/cpu/simd).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "cpu/blocking-inl.hpp"
#include "cpu/kernels.hpp"

// The bf16 product of stages `compress` and `weights`: x times (wkv | wgate | weights_proj), in the
// definition's Dot (src/indexer/arithmetic.hpp).

namespace fulgurite::cpu {
namespace {

/// The definition's Dot, for any values.
struct DefinedDot {
  FULGURITE_INLINE static F32 dot(F32 sum, Bf16Line line, Bf16Word word) {
    return cpu::dot(sum, line, word);
  }
};

/// The same bits without a fused multiply-add, for values whose products_are_plain.
struct PlainDot {
  template <class Line, class Word>
  FULGURITE_INLINE static F32 dot(F32 sum, const Line& line, const Word& word) {
    sum = add(sum, mul(line.odd, set1(word.odd)));
    return add(sum, mul(line.even, set1(word.even)));
  }
};

/// Whether every product of an x and a w of these ranges, both flushed, is exact in fp32, and no
/// sum of such products is denormal: all are multiples of 2^-126, and none reaches 2^128. NaN and
/// infinities are in no range, as they go the same way fused or not.
FULGURITE_INLINE bool products_are_plain(ExponentRange x, ExponentRange w) {
  constexpr int kMantissaBits = 7;
  const bool zeros = x.largest < x.smallest || w.largest < w.smallest;
  return zeros ||
         (x.smallest + w.smallest - 2 * kMantissaBits >= -126 && x.largest + w.largest + 2 <= 128);
}

FULGURITE_INLINE std::uint16_t without_denormal(std::uint16_t x) {
  return (x & 0x7f80) == 0 ? static_cast<std::uint16_t>(x & 0x8000) : x;
}

struct HiddenProduct {
  using Problem = HiddenProjection;
  static constexpr bool kWide = kVectorRegisters >= 32;
  static constexpr std::size_t kRows = kWide ? kMaxHiddenRows : 4;
  static constexpr std::size_t kAccumulators = kWide ? 24 : kVectorRegisters / 2;
  static constexpr std::size_t kWordValues = 2;
  static constexpr std::size_t kWordBytes = kBf16WordBytes;

  /// Sums that do not wait for each other, with the fewest runs of memory; tiles that follow each
  /// other rather read their words less often.
  static constexpr std::size_t groups(std::size_t rows, bool alone) {
    const std::size_t fit = rows < kAccumulators ? kAccumulators / rows : 1;
    const std::size_t wanted = !alone || rows == 1 ? 4 : rows <= kRows / 2 ? 2 : 1;
    return wanted < fit ? wanted : fit;
  }
  static std::int64_t depth(const Problem& problem) { return problem.hidden; }
  static const std::uint8_t* line(const Problem& problem, std::size_t column, std::size_t word) {
    constexpr std::size_t kLine = kColumns * kWordValues;
    const std::uint16_t* const values =
        problem.weights + column * static_cast<std::size_t>(depth(problem)) + word * kLine;
    return reinterpret_cast<const std::uint8_t*>(values);
  }

  FULGURITE_INLINE static void pack_word(std::uint8_t* word, const std::uint16_t* values) {
    // PlainDot wants denormals to be gone; the others do not see them.
    store_bf16_word(word, kHasFusedMultiplyAdd ? values[0] : without_denormal(values[0]),
                    kHasFusedMultiplyAdd ? values[1] : without_denormal(values[1]));
  }

  template <std::size_t kGroups, std::size_t kTileRows, class Ahead>
  static void tile(const Problem& problem, const std::uint8_t* words, std::size_t row,
                   std::size_t column, Ahead ahead) {
    if constexpr (kHasFusedMultiplyAdd) {
      dot_tile<DefinedDot, kGroups, kTileRows>(problem, words, row, column, ahead);
    } else if (is_plain<kGroups>(problem, row, column)) {
      dot_tile<PlainDot, kGroups, kTileRows>(problem, words, row, column, ahead);
    } else {
      dot_tile<DefinedDot, kGroups, kTileRows>(problem, words, row, column, ahead);
    }
  }

  /// Bytes of so many packed tokens. After all of them are the exponents of each block of tokens,
  /// if `project` needs them.
  static std::int64_t packed_bytes(std::int64_t tokens, std::int64_t hidden) {
    return tokens * hidden * static_cast<std::int64_t>(kWordBytes / kWordValues);
  }

 private:
  template <std::size_t kGroups>
  static bool is_plain(const Problem& problem, std::size_t row, std::size_t column) {
    if (problem.weight_exponents == nullptr) return false;
    const auto* const blocks = static_cast<const std::uint8_t*>(problem.activations) +
                               packed_bytes(problem.tokens, problem.hidden);
    ExponentRange x;
    std::memcpy(&x, blocks + row / kRows * sizeof x, sizeof x);
    for (std::size_t g = 0; g < kGroups; ++g) {
      if (!products_are_plain(x, problem.weight_exponents[column / kColumns + g])) return false;
    }
    return true;
  }

  template <class Dot, std::size_t kGroups, std::size_t kTileRows, class Ahead>
  static void dot_tile(const Problem& problem, const std::uint8_t* words, std::size_t row,
                       std::size_t column, Ahead ahead);
};

template <class Dot, std::size_t kGroups, std::size_t kTileRows, class Ahead>
void HiddenProduct::dot_tile(const Problem& problem, const std::uint8_t* words, std::size_t row,
                             std::size_t column, Ahead ahead) {
  constexpr std::size_t kLine = kColumns * kWordValues;
  const auto depth = static_cast<std::size_t>(problem.hidden);
  const auto columns = static_cast<std::size_t>(problem.columns);
  const std::uint16_t* const weights = problem.weights + column * depth;

  F32 sums[kGroups][kTileRows];
#pragma GCC unroll 8
  for (std::size_t r = 0; r < kTileRows; ++r) {
#pragma GCC unroll 4
    for (std::size_t g = 0; g < kGroups; ++g) sums[g][r] = zero_f32();
  }
  for (std::size_t k = 0; k < depth / kWordValues; ++k) {
    ahead();
    Bf16Line line[kGroups];
#pragma GCC unroll 4
    for (std::size_t g = 0; g < kGroups; ++g) {
      line[g] = load_bf16_line(weights + g * kColumns * depth + k * kLine);
    }
#pragma GCC unroll 8
    for (std::size_t r = 0; r < kTileRows; ++r) {
      const Bf16Word word = load_bf16_word(words + (k * kTileRows + r) * kWordBytes);
#pragma GCC unroll 4
      for (std::size_t g = 0; g < kGroups; ++g) sums[g][r] = Dot::dot(sums[g][r], line[g], word);
    }
  }
#pragma GCC unroll 8
  for (std::size_t r = 0; r < kTileRows; ++r) {
    float* const out = problem.out + (row + r) * columns + column;
#pragma GCC unroll 4
    for (std::size_t g = 0; g < kGroups; ++g) store(out + g * kColumns, sums[g][r]);
  }
}

/// The exponents of the normal values among `count` bf16 values.
inline ExponentRange exponents_of(const std::uint16_t* values, std::int64_t count) {
  constexpr int kBias = 127;
  constexpr int kNonFinite = 255;
  int smallest = kNonFinite;
  int largest = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const int biased = (values[i] >> 7) & 0xff;
    if (biased == 0 || biased == kNonFinite) continue;
    smallest = biased < smallest ? biased : smallest;
    largest = biased > largest ? biased : largest;
  }
  return {smallest - kBias, largest - kBias};
}

void pack_x(const HiddenStates& x, std::int64_t first, std::int64_t last, void* packed) {
  auto* const out = static_cast<std::uint8_t*>(packed);
  pack_activations<HiddenProduct>(x.values + first * x.hidden, last - first, x.hidden,
                                  out + HiddenProduct::packed_bytes(first, x.hidden));
  if constexpr (!kHasFusedMultiplyAdd) {
    std::uint8_t* const exponents = out + HiddenProduct::packed_bytes(x.tokens, x.hidden);
    constexpr auto kRows = static_cast<std::int64_t>(HiddenProduct::kRows);
    for (std::int64_t row = first; row < last; row += kRows) {
      const std::int64_t rows = last - row < kRows ? last - row : kRows;
      const ExponentRange range = exponents_of(x.values + row * x.hidden, rows * x.hidden);
      std::memcpy(exponents + static_cast<std::size_t>(row / kRows) * sizeof range, &range,
                  sizeof range);
    }
  }
}

void project(const HiddenProjection& problem, std::int64_t first, std::int64_t last) {
  [[maybe_unused]] const FlushDenormals flush;
  multiply<HiddenProduct>(problem, first, last);
}

}  // namespace
}  // namespace fulgurite::cpu
