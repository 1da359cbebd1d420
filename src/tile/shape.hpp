#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

namespace fulgurite::tile {

/// Integers of loops, indices and extents.
using Index = std::int64_t;

/// Up to four extents, also used for starts and strides.
class Shape {
 public:
  static constexpr std::size_t kMaxRank = 4;

  Shape() = default;
  Shape(std::initializer_list<Index> extents) : Shape(std::span(extents.begin(), extents.size())) {}
  /// Throws Error(unsupported) above kMaxRank.
  explicit Shape(std::span<const Index> extents);
  static Shape filled(std::size_t rank, Index value);

  [[nodiscard]] std::size_t rank() const { return rank_; }
  [[nodiscard]] Index operator[](std::size_t axis) const { return extents_[axis]; }
  [[nodiscard]] Index& operator[](std::size_t axis) { return extents_[axis]; }
  [[nodiscard]] const Index* begin() const { return extents_.data(); }
  [[nodiscard]] const Index* end() const { return extents_.data() + rank_; }
  [[nodiscard]] Index back() const { return extents_[rank_ - 1]; }
  void push_back(Index extent) { extents_[rank_++] = extent; }

  [[nodiscard]] Index elements() const {
    Index product = 1;
    for (const Index extent : *this) product *= extent;
    return product;
  }

  friend bool operator==(const Shape&, const Shape&) = default;

 private:
  std::array<Index, kMaxRank> extents_{};
  std::size_t rank_ = 0;
};

/// The strides of a row-major array, in elements.
Shape row_major_strides(const Shape& shape);

/// "[128, 64]"
std::string to_string(const Shape& shape);

}  // namespace fulgurite::tile
