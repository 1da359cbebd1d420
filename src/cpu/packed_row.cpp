#include "cpu/packed_row.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "indexer/small_floats.hpp"

namespace fulgurite::cpu {
namespace {

using reference::EncodedRow;

constexpr std::size_t kBlocks = kHeadDim / kE2m1Block;
constexpr std::uint8_t kNanExponent = 255;

std::uint8_t nibble(float number, float scale) {
  if (is_nan(scale)) return 0;
  const auto code = static_cast<std::uint8_t>(e2m1_code(std::fabs(number) / scale));
  return static_cast<std::uint8_t>(code | (number < 0 ? 8 : 0));
}

void pack_e2m1(const EncodedRow& row, std::int8_t* codes, float* scale) {
  std::array<std::uint8_t, kBlocks> exponents;
  for (std::size_t block = 0; block < kBlocks; ++block) {
    const float s = row.block_scales[block];
    exponents[block] =
        is_nan(s) ? kNanExponent : static_cast<std::uint8_t>(std::bit_cast<std::uint32_t>(s) >> 23);
  }
  std::memcpy(scale, exponents.data(), sizeof exponents);
  for (std::size_t i = 0; i < kHeadDim; i += 2) {
    const float s = row.block_scales[i / kE2m1Block];
    codes[i / 2] =
        static_cast<std::int8_t>(nibble(row.numbers[i], s) | nibble(row.numbers[i + 1], s) << 4);
  }
}

float unpack_e2m1(std::uint8_t code, std::uint8_t exponent) {
  if (exponent == kNanExponent) return std::bit_cast<float>(kNanBits);
  const float magnitude = std::ldexp(kE2m1Numbers[code & 7U], exponent - 127);
  return (code & 8) != 0 && magnitude != 0 ? -magnitude : magnitude;
}

}  // namespace

std::int64_t code_bytes(RowFormat format) {
  switch (format) {
    case RowFormat::int8:
    case RowFormat::e4m3:
      return kHeadDim;
    case RowFormat::e2m1:
      return kHeadDim / 2;
    case RowFormat::fp32:
      break;
  }
  return kHeadDim * static_cast<std::int64_t>(sizeof(float));
}

void pack_row(RowFormat format, const EncodedRow& row, std::int8_t* codes, float* scale) {
  switch (format) {
    case RowFormat::int8:
      std::copy(row.codes.begin(), row.codes.end(), codes);
      *scale = row.scale;
      break;
    case RowFormat::e2m1:
      pack_e2m1(row, codes, scale);
      break;
    case RowFormat::e4m3:
      std::transform(row.numbers.begin(), row.numbers.end(), codes,
                     [](float x) { return static_cast<std::int8_t>(to_e4m3(x)); });
      *scale = row.scale;
      break;
    case RowFormat::fp32:
      std::memcpy(codes, row.numbers.data(), sizeof row.numbers);
      break;
  }
}

void unpack_row(RowFormat format, const std::int8_t* codes, const float* scale,
                std::span<float, kHeadDim> values) {
  if (format == RowFormat::fp32) {
    std::memcpy(values.data(), codes, values.size_bytes());
    return;
  }
  std::array<std::uint8_t, kBlocks> exponents;
  std::memcpy(exponents.data(), scale, sizeof exponents);
  for (std::size_t i = 0; i < kHeadDim; ++i) {
    if (format == RowFormat::e2m1) {
      const auto pair = static_cast<std::uint8_t>(codes[i / 2]);
      values[i] = unpack_e2m1(static_cast<std::uint8_t>(i % 2 == 0 ? pair & 15 : pair >> 4),
                              exponents[i / kE2m1Block]);
    } else if (format == RowFormat::e4m3) {
      values[i] = from_e4m3(static_cast<std::uint8_t>(codes[i])) * *scale;
    } else {
      values[i] = static_cast<float>(codes[i]) * *scale;
    }
  }
}

}  // namespace fulgurite::cpu
