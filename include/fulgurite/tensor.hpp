#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

#include "fulgurite/export.hpp"

namespace fulgurite {

namespace detail {
/// Number of elements of a shape; throws Error(input) that names `what` when a dimension is
/// negative or the size in bytes does not fit an int64.
FULGURITE_API std::int64_t checked_elements(std::string_view what,
                                            std::span<const std::int64_t> shape,
                                            std::size_t element_bytes);
/// Throws Error(input) "what: expected [..], found [..]" unless the shapes are equal.
FULGURITE_API void expect_shape(std::string_view what, std::span<const std::int64_t> expected,
                                std::span<const std::int64_t> found);
}  // namespace detail

/// A view of a strided array that somebody else owns. Row-major unless transposed.
/// The default view is empty: no data, all dimensions 0.
template <class T, std::size_t Rank>
class TensorView {
 public:
  using Shape = std::array<std::int64_t, Rank>;

  TensorView() = default;

  /// A contiguous row-major array. Throws Error(input) if the shape is negative or too large.
  TensorView(T* data, const Shape& shape) : data_(data), shape_(shape) {
    detail::checked_elements("tensor view", shape, sizeof(T));
    std::int64_t stride = 1;
    for (std::size_t axis = Rank; axis-- > 0;) {
      strides_[axis] = stride;
      stride *= shape[axis] == 0 ? 1 : shape[axis];
    }
  }

  /// A view of T is a view of const T.
  template <class U>
    requires(std::is_same_v<const U, T>)
  TensorView(const TensorView<U, Rank>& other)  // NOLINT(google-explicit-constructor)
      : data_(other.data()), shape_(other.shape()), strides_(other.strides()) {}

  [[nodiscard]] T* data() const { return data_; }
  [[nodiscard]] const Shape& shape() const { return shape_; }
  [[nodiscard]] const Shape& strides() const { return strides_; }
  [[nodiscard]] std::int64_t extent(std::size_t axis) const { return shape_[axis]; }
  [[nodiscard]] bool empty() const { return data_ == nullptr; }
  [[nodiscard]] std::int64_t size() const {
    std::int64_t elements = 1;
    for (const std::int64_t extent : shape_) elements *= extent;
    return elements;
  }

  template <class... Index>
    requires(sizeof...(Index) == Rank)
  [[nodiscard]] T& operator()(Index... index) const {
    const Shape at{static_cast<std::int64_t>(index)...};
    std::int64_t offset = 0;
    for (std::size_t axis = 0; axis < Rank; ++axis) {
      assert(at[axis] >= 0 && at[axis] < shape_[axis]);
      offset += at[axis] * strides_[axis];
    }
    return data_[offset];
  }

  /// The sub-array at `index` of the first axis.
  [[nodiscard]] TensorView<T, Rank - 1> operator[](std::int64_t index) const
    requires(Rank > 1)
  {
    assert(index >= 0 && index < shape_[0]);
    typename TensorView<T, Rank - 1>::Shape shape;
    typename TensorView<T, Rank - 1>::Shape strides;
    for (std::size_t axis = 1; axis < Rank; ++axis) {
      shape[axis - 1] = shape_[axis];
      strides[axis - 1] = strides_[axis];
    }
    return TensorView<T, Rank - 1>::strided(data_ + index * strides_[0], shape, strides);
  }

  /// The same elements with the two axes exchanged: [in, out] weights seen as [out, in].
  [[nodiscard]] TensorView transposed() const
    requires(Rank == 2)
  {
    return strided(data_, {shape_[1], shape_[0]}, {strides_[1], strides_[0]});
  }

  [[nodiscard]] bool contiguous() const {
    if (size() == 0) return true;
    std::int64_t stride = 1;
    for (std::size_t axis = Rank; axis-- > 0;) {
      if (shape_[axis] != 1 && strides_[axis] != stride) return false;
      stride *= shape_[axis];
    }
    return true;
  }

  /// All elements in order; only for a contiguous view.
  [[nodiscard]] std::span<T> flat() const {
    assert(contiguous());
    return {data_, static_cast<std::size_t>(size())};
  }

  static TensorView strided(T* data, const Shape& shape, const Shape& strides) {
    TensorView view;
    view.data_ = data;
    view.shape_ = shape;
    view.strides_ = strides;
    return view;
  }

 private:
  T* data_ = nullptr;
  Shape shape_{};
  Shape strides_{};
};

}  // namespace fulgurite
