#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "core/float_mode.hpp"
#include "tile/element.hpp"
#include "tile/flags.hpp"
#include "tile/operation.hpp"
#include "tile/ops.hpp"

namespace fulgurite::tile {
namespace {

using detail::Node;
using detail::NodePtr;
using detail::Operation;

/// The conversions that the chip has in one step, of those that kernels use.
constexpr bool is_supported(DType from, DType to) {
  switch (from) {
    case DType::f32:
      return to == DType::bf16 || to == DType::f16 || to == DType::i32 || to == DType::i16;
    case DType::f16:
      return to == DType::f32 || to == DType::i32 || to == DType::i16 || to == DType::i8;
    case DType::bf16:
      return to == DType::f32 || to == DType::i32;
    case DType::i32:
      return to == DType::f32 || to == DType::f16 || to == DType::i16;
    case DType::i16:
      return to == DType::f32 || to == DType::f16;
    case DType::i8:
      return to == DType::f16;
    default:
      return false;
  }
}

bool is_widening(DType from, DType to) {
  return is_float(from) && is_float(to) && element_bytes(to) > element_bytes(from);
}

void expect_conversion(const Operation& operation, DType from, DType to, Round mode) {
  const std::string pair = std::string(name(from)) + " to " + std::string(name(to));
  if (from == to) {
    operation.refuse("target_type: x is " + std::string(name(from)) + " already");
  }
  if (mode == Round::odd) operation.refuse("mode: odd is not computed", ErrorKind::unsupported);
  if (!is_supported(from, to)) {
    operation.refuse("target_type: " + pair + " is no single conversion of the chip",
                     ErrorKind::unsupported);
  }
  if (is_widening(from, to)) return;
  if (is_float(from) && is_float(to) && mode != Round::rint) {
    operation.refuse("mode: expected rint for " + pair + ", found " + std::string(name(mode)),
                     ErrorKind::unsupported);
  }
  if (is_float(from) && !is_float(to) && mode == Round::none) {
    operation.refuse("mode: expected a rounding for " + pair + ", found none");
  }
  const bool is_nearest = mode == Round::none || mode == Round::rint || mode == Round::round;
  if (!is_float(from) && is_float(to) && !is_nearest) {
    operation.refuse(
        "mode: expected none, rint or round for " + pair + ", found " + std::string(name(mode)),
        ErrorKind::unsupported);
  }
}

/// fp64 has room for every value of these types, and rounds none.
double rounded(double value, Round mode) {
  switch (mode) {
    case Round::rint:
      return std::nearbyint(value);
    case Round::floor:
      return std::floor(value);
    case Round::ceil:
      return std::ceil(value);
    case Round::trunc:
      return std::trunc(value);
    default:
      return std::round(value);
  }
}

/// An integer with no more than `bits` significant bits, nearest to `value`.
double rounded_to_bits(std::int64_t value, int bits, bool ties_to_even) {
  const auto magnitude = static_cast<std::uint64_t>(std::llabs(value));
  const int width = static_cast<int>(std::bit_width(magnitude));
  std::uint64_t result = magnitude;
  if (width > bits) {
    const int shift = width - bits;
    const std::uint64_t half = std::uint64_t{1} << (shift - 1);
    const std::uint64_t odd = (magnitude >> shift) & 1;
    result = ((magnitude + half - (ties_to_even && odd == 0 ? 1 : 0)) >> shift) << shift;
  }
  const auto exact = static_cast<double>(result);
  return value < 0 ? -exact : exact;
}

/// One element; `is_lost` where no value of T stands for it: NaN becomes 0, others saturate.
template <class From, class To>
To convert(From x, Round mode, bool& is_lost) {
  if constexpr (std::is_integral_v<From> && std::is_integral_v<To>) {
    constexpr std::int64_t kLowest = std::numeric_limits<To>::min();
    constexpr std::int64_t kHighest = std::numeric_limits<To>::max();
    is_lost = x < kLowest || x > kHighest;
    return static_cast<To>(std::clamp<std::int64_t>(x, kLowest, kHighest));
  } else if constexpr (std::is_integral_v<From>) {
    constexpr int kBits = std::is_same_v<To, F16> ? 11 : 24;
    const double value = rounded_to_bits(x, kBits, mode != Round::round);
    is_lost = std::is_same_v<To, F16> && std::fabs(value) > 65504;
    return detail::from_double<To>(value);
  } else if constexpr (std::is_integral_v<To>) {
    const double value = rounded(detail::to_double(x), mode);
    constexpr double kLowest = std::numeric_limits<To>::min();
    constexpr double kHighest = std::numeric_limits<To>::max();
    is_lost = std::isnan(value) || value < kLowest || value > kHighest;
    if (std::isnan(value)) return 0;
    return static_cast<To>(std::clamp(value, kLowest, kHighest));
  } else {
    is_lost = false;
    return detail::from_double<To>(detail::to_double(x));
  }
}

/// Returns how many elements are lost that are valid and defined.
template <class From, class To>
std::int64_t convert_all(const Node& out, const Node& from, Round mode) {
  const core::FloatMode float_mode;
  const auto* const x = from.data<From>();
  auto* const y = out.data<To>();
  std::int64_t lost = 0;
  for (Index i = 0; i < out.elements(); ++i) {
    bool is_lost = false;
    y[i] = convert<From, To>(x[i], mode, is_lost);
    lost += is_lost ? 1 : 0;
  }
  if (lost == 0 || (out.is_fully_valid() && out.undefined() == nullptr)) return lost;
  lost = 0;
  const Index cols = out.shape.back();
  for (Index i = 0; i < out.elements(); ++i) {
    if (out.undefined() != nullptr && out.undefined()[i] != 0) continue;
    if (out.shape.rank() == 2 && (i / cols >= out.valid[0] || i % cols >= out.valid[1])) continue;
    bool is_lost = false;
    convert<From, To>(x[i], mode, is_lost);
    lost += is_lost ? 1 : 0;
  }
  return lost;
}

std::int64_t compute(const Node& out, const Node& from, Round mode) {
  std::int64_t lost = 0;
  detail::visit_type(from.dtype, [&]<class From>(From) {
    detail::visit_type(out.dtype, [&]<class To>(To) {
      if constexpr (is_supported(detail::dtype_of<From>(), detail::dtype_of<To>())) {
        lost = convert_all<From, To>(out, from, mode);
      }
    });
  });
  return lost;
}

}  // namespace

Tile cast(const Value& x, DType target, Round mode, Where where) {
  Operation operation(x, "x", OpCode::cast, where);
  const Node& from = operation.operand(x, "x");
  expect_conversion(operation, from.dtype, target, mode);
  operation.settings().round = mode;
  const NodePtr out = operation.finish(target, from.shape, from.valid);
  detail::mark_undefined(*out, from);
  const std::int64_t lost = operation.computes() ? compute(*out, from, mode) : 0;
  if (lost > 0) {
    operation.recorder().find(
        FindingKind::conversion, operation.id(), {}, lost,
        "NaN or numbers out of the range of " + std::string(name(target)) + " are converted to it");
  }
  return Tile(out);
}

}  // namespace fulgurite::tile
