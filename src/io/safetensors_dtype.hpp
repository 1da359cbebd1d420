#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "fulgurite/dtype.hpp"

namespace fulgurite::io {

/// The element types of the safetensors format (huggingface/safetensors 0.8, Dtype in
/// safetensors/src/tensor.rs). Those of 4 and 6 bits are packed without gaps.
enum class Dtype : std::uint8_t {
  boolean,
  f4,
  f6_e2m3,
  f6_e3m2,
  u8,
  i8,
  f8_e5m2,
  f8_e4m3,
  f8_e8m0,
  f8_e4m3fnuz,
  f8_e5m2fnuz,
  i16,
  u16,
  f16,
  bf16,
  i32,
  u32,
  f32,
  c64,
  f64,
  i64,
  u64,
};

/// As written in a file: "F32", "BOOL".
std::string_view dtype_name(Dtype dtype);
int bits_of(Dtype dtype);
std::optional<Dtype> find_dtype(std::string_view name);

/// All of them, in the order of the enumeration.
std::span<const Dtype> all_dtypes();

/// Bytes of the elements of a shape. Nothing if a dimension is negative, if the elements do not
/// fill whole bytes, or if the product of the dimensions above 0, in bits, overflows an int64. So
/// a dimension of 0 does not excuse absurd others, and strides are safe to compute.
std::optional<std::int64_t> tensor_bytes(Dtype dtype, std::span<const std::int64_t> shape);

/// An element of BOOL: a byte of 0 or 1; every byte but 0 is true. (A C++ bool of any other byte
/// would be undefined.)
struct Bool8 {
  std::uint8_t byte = 0;
  constexpr explicit operator bool() const { return byte != 0; }
  friend constexpr bool operator==(Bool8, Bool8) = default;
};

/// The dtype that a C++ type stands for.
template <class T>
inline constexpr Dtype kDtypeOf = T::there_is_no_dtype_of_this_type;
template <>
inline constexpr Dtype kDtypeOf<Bool8> = Dtype::boolean;
template <>
inline constexpr Dtype kDtypeOf<std::uint8_t> = Dtype::u8;
template <>
inline constexpr Dtype kDtypeOf<std::int8_t> = Dtype::i8;
template <>
inline constexpr Dtype kDtypeOf<std::uint16_t> = Dtype::u16;
template <>
inline constexpr Dtype kDtypeOf<std::int16_t> = Dtype::i16;
template <>
inline constexpr Dtype kDtypeOf<F16> = Dtype::f16;
template <>
inline constexpr Dtype kDtypeOf<Bf16> = Dtype::bf16;
template <>
inline constexpr Dtype kDtypeOf<std::uint32_t> = Dtype::u32;
template <>
inline constexpr Dtype kDtypeOf<std::int32_t> = Dtype::i32;
template <>
inline constexpr Dtype kDtypeOf<float> = Dtype::f32;
template <>
inline constexpr Dtype kDtypeOf<double> = Dtype::f64;
template <>
inline constexpr Dtype kDtypeOf<std::int64_t> = Dtype::i64;
template <>
inline constexpr Dtype kDtypeOf<std::uint64_t> = Dtype::u64;

}  // namespace fulgurite::io
