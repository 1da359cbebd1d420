#include "io/safetensors.hpp"

#include <utility>

#include "fulgurite/error.hpp"
#include "fulgurite/tensor.hpp"
#include "io/text.hpp"

namespace fulgurite::io {

SafetensorsFile SafetensorsFile::open(const std::filesystem::path& path) {
  SafetensorsFile file;
  file.name_ = path.string();
  file.mapping_ = MappedFile(path);
  file.read(file.mapping_.bytes());
  return file;
}

SafetensorsFile SafetensorsFile::parse(std::string name, std::span<const std::byte> bytes) {
  SafetensorsFile file;
  file.name_ = std::move(name);
  file.read(bytes);
  return file;
}

void SafetensorsFile::read(std::span<const std::byte> bytes) {
  SafetensorsHeader header = parse_header(name_, bytes);
  const std::span<const std::byte> data = bytes.subspan(header.data_start);
  tensors_.reserve(header.tensors.size());
  index_.reserve(header.tensors.size());
  for (HeaderEntry& entry : header.tensors) {
    const auto begin = static_cast<std::size_t>(entry.begin);
    const auto size = static_cast<std::size_t>(entry.end - entry.begin);
    tensors_.push_back(
        {std::move(entry.name), entry.dtype, std::move(entry.shape), data.subspan(begin, size)});
    index_.emplace(tensors_.back().name, tensors_.size() - 1);
  }
  metadata_ = std::move(header.metadata);
}

const Tensor* SafetensorsFile::find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &tensors_[found->second];
}

const Tensor& SafetensorsFile::at(std::string_view name) const {
  const Tensor* const tensor = find(name);
  if (tensor == nullptr) throw Error(ErrorKind::input, label(name) + " is missing");
  return *tensor;
}

const Tensor& SafetensorsFile::expect(std::string_view name, Dtype dtype) const {
  const Tensor& tensor = at(name);
  if (tensor.dtype != dtype) {
    throw Error(ErrorKind::input, label(name) + ": expected dtype " +
                                      std::string(dtype_name(dtype)) + ", found " +
                                      std::string(dtype_name(tensor.dtype)));
  }
  return tensor;
}

const Tensor& SafetensorsFile::expect(std::string_view name, Dtype dtype,
                                      std::span<const std::int64_t> shape) const {
  const Tensor& tensor = expect(name, dtype);
  fulgurite::detail::expect_shape(label(name), shape, tensor.shape);
  return tensor;
}

std::string SafetensorsFile::label(std::string_view tensor) const {
  return printable(name_) + ": tensor " + in_quotes(tensor);
}

}  // namespace fulgurite::io
