#include "cpu/bf16_self_test.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/aligned_buffer.hpp"
#include "core/float_mode.hpp"
#include "cpu/pack_weights.hpp"
#include "fulgurite/dtype.hpp"

namespace fulgurite::cpu {
namespace {

constexpr std::int64_t kTokens = 9;  // more than one block of rows on every ISA
constexpr std::int64_t kHidden = 64;
constexpr std::int64_t kColumns = 48;
constexpr std::size_t kOutputs = kTokens * kColumns;

/// bf16 values from a fixed pseudo-random sequence.
class Values {
 public:
  /// Kinds keep a sum from being ruled by its largest member: a row and a column of kind 1 have all
  /// their products, and most of their sums, near the smallest normal fp32.
  std::uint16_t next(std::int64_t kind) {
    const std::uint32_t draw = step();
    const std::uint32_t sign_and_mantissa = (draw & 0x80U) << 8 | (draw & 0x7fU);
    switch (kind % 4) {
      case 0:
        return pack(sign_and_mantissa, 120 + (draw >> 16) % 12);
      case 1:
        return pack(sign_and_mantissa, 60 + (draw >> 16) % 8);
      case 2:  // powers of two: ties, and products that cancel
        return pack(sign_and_mantissa & 0x8000U, 56 + (draw >> 16) % 14);
      default:  // from denormal to products beyond the largest fp32
        return pack(sign_and_mantissa, (draw >> 16) % 254);
    }
  }

 private:
  std::uint32_t step() {
    state_ = state_ * 6364136223846793005U + 1442695040888963407U;
    return static_cast<std::uint32_t>(state_ >> 33);
  }
  static std::uint16_t pack(std::uint32_t sign_and_mantissa, std::uint32_t exponent) {
    return static_cast<std::uint16_t>(sign_and_mantissa | exponent << 7);
  }
  std::uint64_t state_ = 1;
};

struct Problem {
  std::vector<std::uint16_t> x = std::vector<std::uint16_t>(kTokens * kHidden);
  core::AlignedBuffer<std::uint16_t> weights{"self-test weights", kHidden* kColumns};
};

Problem make_problem() {
  Values values;
  Problem problem;
  for (std::int64_t i = 0; i < kTokens * kHidden; ++i) {
    problem.x[static_cast<std::size_t>(i)] = values.next(i / kHidden);
  }
  for (std::int64_t i = 0; i < kHidden * kColumns; ++i) {
    const std::int64_t column = i / (kColumnBlock * kHidden) * kColumnBlock + i / 2 % kColumnBlock;
    problem.weights[i] = values.next(column);
  }
  // Token 0, column 0 is 2^-126 - 2^-150: tiny, although fp32 has no denormal between it and
  // 2^-126.
  constexpr std::uint16_t kTwoToMinus63 = (127 - 63) << 7;
  constexpr std::uint16_t kTwoToMinus75 = (127 - 75) << 7;
  for (std::size_t i = 0; i < kHidden; ++i) problem.x[i] = 0;
  problem.x[0] = kTwoToMinus75;
  problem.x[1] = kTwoToMinus63;
  problem.weights[0] = 0x8000 | kTwoToMinus75;
  problem.weights[1] = kTwoToMinus63;
  return problem;
}

std::vector<float> project(const Kernels& kernels, const Problem& problem) {
  core::AlignedBuffer<std::byte> packed("self-test x", packed_x_bytes(kTokens, kHidden));
  kernels.pack_x({problem.x.data(), kTokens, kHidden}, 0, kTokens, packed.data());
  std::vector<float> out(kOutputs);
  const HiddenProjection projection{.tokens = kTokens,
                                    .hidden = kHidden,
                                    .columns = kColumns,
                                    .weights = problem.weights.data(),
                                    .weight_exponents = nullptr,
                                    .activations = packed.data(),
                                    .out = out.data()};
  kernels.project(projection, 0, kColumns);
  return out;
}

}  // namespace

bool projections_agree(const Kernels& a, const Kernels& b) {
  const core::FloatMode mode;
  const Problem problem = make_problem();
  const std::vector<float> left = project(a, problem);
  const std::vector<float> right = project(b, problem);
  for (std::size_t i = 0; i < kOutputs; ++i) {
    if (std::bit_cast<std::uint32_t>(canonical(left[i])) !=
        std::bit_cast<std::uint32_t>(canonical(right[i]))) {
      return false;
    }
  }
  return true;
}

}  // namespace fulgurite::cpu
