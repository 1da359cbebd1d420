#include "compare_values.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "fulgurite/dtype.hpp"
#include "fulgurite/selection.hpp"

namespace fulgurite::app {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double difference(float a, float b) {
  if (a == b || (is_nan(a) && is_nan(b))) return 0;
  if (a == kUnseenScore || b == kUnseenScore) return kInfinity;
  const double distance = std::abs(static_cast<double>(a) - static_cast<double>(b));
  return std::isnan(distance) ? kInfinity : distance;
}

void note_difference(ValueComparison& result, std::size_t at) {
  ++result.differing;
  if (!result.first) result.first = at;
}

}  // namespace

double largest_magnitude(std::span<const float> values) {
  float largest = 0;
  for (const float value : values) {
    if (is_finite(value) && value != kUnseenScore) largest = std::max(largest, std::abs(value));
  }
  return static_cast<double>(largest);
}

ValueComparison compare_values(std::span<const float> a, std::span<const float> b,
                               std::size_t row_length, const Allowance& allowance) {
  ValueComparison result;
  result.elements = static_cast<std::int64_t>(a.size());
  for (std::size_t start = 0; start < a.size(); start += row_length) {
    const double row = std::max(largest_magnitude(a.subspan(start, row_length)),
                                largest_magnitude(b.subspan(start, row_length)));
    for (std::size_t at = start; at < start + row_length; ++at) {
      if (std::bit_cast<std::uint32_t>(a[at]) == std::bit_cast<std::uint32_t>(b[at])) continue;
      note_difference(result, at);
      const double distance = difference(a[at], b[at]);
      if (distance == 0) continue;
      const double own = static_cast<double>(std::max(std::abs(a[at]), std::abs(b[at])));
      const double allowed = allowance.of_row * row + allowance.of_value * own;
      const double share = distance == kInfinity ? kInfinity : distance / allowed;
      result.largest_difference = std::max(result.largest_difference, distance);
      result.largest_share = std::max(result.largest_share, share);
    }
  }
  return result;
}

ValueComparison compare_integers(std::span<const std::int32_t> a, std::span<const std::int32_t> b) {
  ValueComparison result;
  result.elements = static_cast<std::int64_t>(a.size());
  for (std::size_t at = 0; at < a.size(); ++at) {
    if (a[at] == b[at]) continue;
    note_difference(result, at);
    const double distance = std::abs(static_cast<double>(a[at]) - static_cast<double>(b[at]));
    result.largest_difference = std::max(result.largest_difference, distance);
  }
  return result;
}

}  // namespace fulgurite::app
