#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "io/mapped_file.hpp"
#include "io/safetensors_dtype.hpp"
#include "io/safetensors_header.hpp"

namespace fulgurite::io {

/// A named array whose bytes somebody else owns: row-major, little-endian.
struct Tensor {
  std::string name;
  Dtype dtype = Dtype::u8;
  std::vector<std::int64_t> shape;  ///< empty for a scalar
  std::span<const std::byte> bytes;
};

/// Elements of T: the tensor's own bytes where they are aligned, otherwise a copy.
template <class T>
class TypedData {
 public:
  /// `bytes` must be a whole number of elements, and must outlive this object.
  explicit TypedData(std::span<const std::byte> bytes) {
    const std::size_t elements = bytes.size() / sizeof(T);
    if (elements == 0) return;
    if (reinterpret_cast<std::uintptr_t>(bytes.data()) % alignof(T) == 0) {
      view_ = {reinterpret_cast<const T*>(bytes.data()), elements};
    } else {
      copy_.resize(elements);
      std::memcpy(copy_.data(), bytes.data(), elements * sizeof(T));
      view_ = copy_;
    }
  }

  TypedData(TypedData&&) noexcept = default;
  TypedData& operator=(TypedData&&) noexcept = default;
  TypedData(const TypedData&) = delete;
  TypedData& operator=(const TypedData&) = delete;
  ~TypedData() = default;

  [[nodiscard]] std::span<const T> span() const { return view_; }
  [[nodiscard]] const T* data() const { return view_.data(); }
  [[nodiscard]] std::size_t size() const { return view_.size(); }
  [[nodiscard]] bool is_copy() const { return !copy_.empty(); }

 private:
  std::span<const T> view_;
  std::vector<T> copy_;
};

/// The tensors of a safetensors file. Every error is Error(input) of one line, "FILE: ...", but
/// for a machine that cannot map the file: Error(system).
///
/// Stricter than the format's own reader: keys that come twice, unknown fields, tensors written as
/// arrays, null, more than 64 dimensions, sizes beyond 2^63 bits and a header that does not start
/// with '{' are refused.
class SafetensorsFile {
 public:
  /// Maps the file (see MappedFile: nobody may cut it short meanwhile) and checks its header. The
  /// tensors' values are not looked at.
  static SafetensorsFile open(const std::filesystem::path& path);

  /// The same for a file in memory, which must outlive the object. `name` is FILE in errors.
  static SafetensorsFile parse(std::string name, std::span<const std::byte> bytes);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::span<const Tensor> tensors() const { return tensors_; }
  [[nodiscard]] const Metadata& metadata() const { return metadata_; }

  /// Null if there is none of that name.
  [[nodiscard]] const Tensor* find(std::string_view name) const;
  /// Throws "FILE: tensor 'NAME' is missing" if there is none.
  [[nodiscard]] const Tensor& at(std::string_view name) const;

  /// The elements of a tensor; it must exist, with the dtype of T. The file must outlive them.
  template <class T>
  [[nodiscard]] TypedData<T> typed(std::string_view name) const {
    return TypedData<T>(expect(name, kDtypeOf<T>).bytes);
  }
  /// It must have the shape, too.
  template <class T>
  [[nodiscard]] TypedData<T> typed(std::string_view name,
                                   std::span<const std::int64_t> shape) const {
    return TypedData<T>(expect(name, kDtypeOf<T>, shape).bytes);
  }
  /// The one element of a tensor of shape [].
  template <class T>
  [[nodiscard]] T scalar(std::string_view name) const {
    return typed<T>(name, {}).span()[0];
  }

  /// The tensor, which must have this dtype, and this shape.
  [[nodiscard]] const Tensor& expect(std::string_view name, Dtype dtype) const;
  [[nodiscard]] const Tensor& expect(std::string_view name, Dtype dtype,
                                     std::span<const std::int64_t> shape) const;

 private:
  SafetensorsFile() = default;
  void read(std::span<const std::byte> bytes);
  /// "FILE: tensor 'NAME'"
  [[nodiscard]] std::string label(std::string_view tensor) const;

  std::string name_;
  MappedFile mapping_;  ///< of nothing, if the bytes are the caller's
  std::vector<Tensor> tensors_;
  std::unordered_map<std::string_view, std::size_t> index_;  ///< keys are the tensors' names
  Metadata metadata_;
};

}  // namespace fulgurite::io
