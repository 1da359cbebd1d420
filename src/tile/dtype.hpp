#pragma once

#include <cstdint>
#include <string_view>

namespace fulgurite::tile {

/// Element types of tensors and tiles. `index` (a 64-bit integer) and `boolean` are scalars only.
enum class DType : std::uint8_t { bf16, f16, f32, i8, i16, u16, i32, u32, i64, index, boolean };

constexpr std::int64_t element_bytes(DType dtype) {
  switch (dtype) {
    case DType::i8:
    case DType::boolean:
      return 1;
    case DType::bf16:
    case DType::f16:
    case DType::i16:
    case DType::u16:
      return 2;
    case DType::f32:
    case DType::i32:
    case DType::u32:
      return 4;
    case DType::i64:
    case DType::index:
      return 8;
  }
  return 0;
}

constexpr bool is_float(DType dtype) { return dtype <= DType::f32; }

/// The name that kernels write: "BF16", "INT32", ...
std::string_view name(DType dtype);

}  // namespace fulgurite::tile
