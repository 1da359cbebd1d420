#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace fulgurite::app {

/// By how much two arrays of equal size differ.
struct ValueComparison {
  std::int64_t elements = 0;
  std::int64_t differing = 0;        ///< elements whose bits are not the same
  std::optional<std::size_t> first;  ///< of them
  double largest_difference = 0;  ///< infinite if a number meets NaN, or a seen row an unseen one
  double largest_share = 0;       ///< of what is allowed for that element

  [[nodiscard]] bool equal() const { return differing == 0; }
  [[nodiscard]] bool within() const { return largest_share <= 1; }
};

/// What two values may differ by: a share of the largest finite magnitude in their row, and a share
/// of their own.
struct Allowance {
  double of_row = 0;
  double of_value = 0;
};

/// Compares row by row; every row has row_length > 0 values.
ValueComparison compare_values(std::span<const float> a, std::span<const float> b,
                               std::size_t row_length, const Allowance& allowance);

ValueComparison compare_integers(std::span<const std::int32_t> a, std::span<const std::int32_t> b);

/// The largest finite magnitude, unseen scores left out; 0 if there is none.
double largest_magnitude(std::span<const float> values);

}  // namespace fulgurite::app
