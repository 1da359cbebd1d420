#pragma once

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fulgurite/dtype.hpp"
#include "fulgurite/error.hpp"
#include "fulgurite/tensor.hpp"
#include "io/safetensors.hpp"
#include "io/text.hpp"

namespace fulgurite::io {

/// "FILE: WHAT: expected EXPECTED, found FOUND"
[[noreturn]] inline void refuse(const SafetensorsFile& file, std::string_view what,
                                const std::string& expected, const std::string& found) {
  throw Error(ErrorKind::input, printable(file.name()) + ": " + std::string(what) + ": expected " +
                                    expected + ", found " + found);
}

/// The header's metadata of that name.
inline const std::string& metadata(const SafetensorsFile& file, const std::string& name) {
  const auto found = file.metadata().find(name);
  if (found == file.metadata().end()) refuse(file, "metadata " + name, "a value", "none");
  return found->second;
}

/// The same, which must be a whole number from 1 to 2^31 - 1.
inline std::int64_t metadata_count(const SafetensorsFile& file, const std::string& name) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
  const std::string& text = metadata(file, name);
  std::int64_t count = 0;
  const char* const end = text.data() + text.size();
  const auto [parsed, status] = std::from_chars(text.data(), end, count);
  if (status != std::errc() || parsed != end || count < 1 || count > kMost) {
    refuse(file, "metadata " + name, "a whole number from 1 to " + std::to_string(kMost),
           in_quotes(text));
  }
  return count;
}

/// "[2,256,128]"
inline std::string shape_text(std::span<const std::int64_t> shape) {
  std::string text = "[";
  for (const std::int64_t extent : shape) {
    if (text.size() > 1) text += ",";
    text += std::to_string(extent);
  }
  return text + "]";
}

/// Refuses a tensor of another shape.
inline void expect_shape(const SafetensorsFile& file, std::string_view name,
                         std::span<const std::int64_t> found,
                         std::initializer_list<std::int64_t> shape) {
  if (std::equal(found.begin(), found.end(), shape.begin(), shape.end())) return;
  refuse(file, name, shape_text({shape.begin(), shape.size()}), shape_text(found));
}

/// The index of element `flat` of a row-major array.
inline std::string index_text(std::size_t flat, std::span<const std::int64_t> shape) {
  std::vector<std::int64_t> index(shape.size());
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    const auto extent = static_cast<std::size_t>(shape[axis]);
    index[axis] = static_cast<std::int64_t>(flat % extent);
    flat /= extent;
  }
  return shape_text(index);
}

/// Reads the tensors of one file as views; `data` keeps alive what had to be copied.
class TensorReader {
 public:
  TensorReader(const SafetensorsFile& file, std::vector<std::shared_ptr<const void>>& data)
      : file_(file), data_(data) {}

  /// The tensor, of the view's dtype, or another one of the same size, and rank. `letters` is its
  /// shape in errors: "[B,S,D]".
  template <class T, std::size_t Rank>
  void read(TensorView<const T, Rank>& view, std::string_view name, std::string_view letters,
            Dtype dtype = kDtypeOf<T>) {
    const Tensor* const tensor = file_.find(name);
    if (tensor == nullptr) {
      refuse(file_, name, describe(dtype, letters), "no tensor of that name");
    }
    if (tensor->dtype != dtype || tensor->shape.size() != Rank) {
      refuse(file_, name, describe(dtype, letters),
             describe(tensor->dtype, shape_text(tensor->shape)));
    }
    // A view without data would stand for an absent tensor, so an empty one gets an address.
    static const T kNothing{};
    const auto values = std::make_shared<TypedData<T>>(tensor->bytes);
    typename TensorView<const T, Rank>::Shape shape;
    for (std::size_t axis = 0; axis < Rank; ++axis) shape[axis] = tensor->shape[axis];
    view = {values->size() == 0 ? &kNothing : values->data(), shape};
    data_.push_back(values);
  }

  template <class T, std::size_t Rank>
  void read_optional(TensorView<const T, Rank>& view, std::string_view name,
                     std::string_view letters) {
    if (file_.find(name) != nullptr) read(view, name, letters);
  }

  template <class T, std::size_t Rank>
  void read_finite(TensorView<const T, Rank>& view, std::string_view name,
                   std::string_view letters) {
    read(view, name, letters);
    check_finite(view, name, [](T value) { return is_finite(value); });
  }

  /// The same for bytes of a small floating-point format.
  template <std::size_t Rank, class IsNan>
  void read_numbers(TensorView<const std::uint8_t, Rank>& view, std::string_view name,
                    std::string_view letters, Dtype dtype, const IsNan& is_nan) {
    read(view, name, letters, dtype);
    check_finite(view, name, [&](std::uint8_t value) { return !is_nan(value); });
  }

  template <class T>
  T read_scalar(std::string_view name) {
    TensorView<const T, 0> view;
    read(view, name, "[]");
    return *view.data();
  }

 private:
  template <class T, std::size_t Rank, class IsFinite>
  void check_finite(const TensorView<const T, Rank>& view, std::string_view name,
                    const IsFinite& finite) const {
    const std::span<const T> values = view.flat();
    const auto bad = std::find_if_not(values.begin(), values.end(), finite);
    if (bad == values.end()) return;
    const auto flat = static_cast<std::size_t>(bad - values.begin());
    refuse(file_, name, "finite values", "NaN or infinity at " + index_text(flat, view.shape()));
  }

  static std::string describe(Dtype dtype, std::string_view shape) {
    return std::string(dtype_name(dtype)) + " " + std::string(shape);
  }

  const SafetensorsFile& file_;
  std::vector<std::shared_ptr<const void>>& data_;
};

}  // namespace fulgurite::io
