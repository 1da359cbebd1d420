#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "fulgurite/dtype.hpp"
#include "tile/dtype.hpp"

namespace fulgurite::tile::detail {

/// Calls visit(T{}) with the C++ type of an element.
template <class Visit>
void visit_type(DType dtype, const Visit& visit) {
  switch (dtype) {
    case DType::bf16:
      return visit(Bf16{});
    case DType::f16:
      return visit(F16{});
    case DType::f32:
      return visit(float{});
    case DType::i8:
      return visit(std::int8_t{});
    case DType::i16:
      return visit(std::int16_t{});
    case DType::u16:
      return visit(std::uint16_t{});
    case DType::i32:
      return visit(std::int32_t{});
    case DType::u32:
      return visit(std::uint32_t{});
    default:
      return visit(std::int64_t{});
  }
}

template <class T>
constexpr DType dtype_of() {
  if constexpr (std::is_same_v<T, Bf16>) return DType::bf16;
  if constexpr (std::is_same_v<T, F16>) return DType::f16;
  if constexpr (std::is_same_v<T, float>) return DType::f32;
  if constexpr (std::is_same_v<T, std::int8_t>) return DType::i8;
  if constexpr (std::is_same_v<T, std::int16_t>) return DType::i16;
  if constexpr (std::is_same_v<T, std::uint16_t>) return DType::u16;
  if constexpr (std::is_same_v<T, std::int32_t>) return DType::i32;
  if constexpr (std::is_same_v<T, std::uint32_t>) return DType::u32;
  return DType::i64;
}

template <class T>
double to_double(T value) {
  if constexpr (std::is_arithmetic_v<T>) {
    return static_cast<double>(value);
  } else {
    return static_cast<double>(to_float(value));
  }
}

/// An integer type takes a value that fits, whole; a float type rounds to nearest, ties to even.
template <class T>
T from_double(double value) {
  if constexpr (std::is_same_v<T, Bf16>) {
    return to_bf16(static_cast<float>(value));
  } else if constexpr (std::is_same_v<T, F16>) {
    return to_f16(static_cast<float>(value));
  } else {
    return static_cast<T>(value);
  }
}

/// Whether from_double may be asked: always for a float type.
inline bool fits(DType dtype, double value) {
  bool result = true;
  visit_type(dtype, [&]<class T>(T) {
    if constexpr (std::is_integral_v<T>) {
      result = value >= static_cast<double>(std::numeric_limits<T>::min()) &&
               value <= static_cast<double>(std::numeric_limits<T>::max()) &&
               value == std::floor(value);
    }
  });
  return result;
}

}  // namespace fulgurite::tile::detail
