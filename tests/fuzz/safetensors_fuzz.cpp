// Arbitrary bytes as a safetensors file: either refused with an Error(input) of one line, or read
// so that every tensor lies within the bytes and a rewritten file reads the same.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "fulgurite/error.hpp"
#include "io/safetensors_writer.hpp"
#include "io/text.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max);

namespace {

namespace io = fulgurite::io;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "violated: %s\n", what);
  std::abort();
}

/// Reads every element through its type: a misaligned load would be caught.
template <class T>
void touch(const io::SafetensorsFile& file, const io::Tensor& tensor) {
  if (tensor.dtype != io::kDtypeOf<T>) return;
  const io::TypedData<T> typed = file.typed<T>(tensor.name, tensor.shape);
  require(typed.size() * sizeof(T) == tensor.bytes.size(), "all elements are seen");
  const std::span<const std::byte> seen = std::as_bytes(typed.span());
  require(std::ranges::equal(seen, tensor.bytes), "elements are the bytes");
  for (const T& element : typed.span()) {
    const volatile T copy = element;
    static_cast<void>(copy);
  }
}

void check_tensor(const io::SafetensorsFile& file, const io::Tensor& tensor,
                  std::span<const std::byte> bytes) {
  const std::less_equal<const std::byte*> not_after;
  require(not_after(bytes.data(), tensor.bytes.data()) &&
              not_after(tensor.bytes.data() + tensor.bytes.size(), bytes.data() + bytes.size()),
          "a tensor lies within the file");
  require(file.find(tensor.name) == &tensor, "a tensor is found by its name");
  touch<io::Bool8>(file, tensor);
  touch<std::int8_t>(file, tensor);
  touch<std::int16_t>(file, tensor);
  touch<std::uint32_t>(file, tensor);
  touch<float>(file, tensor);
  touch<double>(file, tensor);
  touch<std::int64_t>(file, tensor);
}

void check_rewritten(const io::SafetensorsFile& file) {
  std::string again = io::safetensors_preamble("again", file.tensors(), file.metadata());
  for (const std::size_t at : io::data_order(file.tensors())) {
    const std::span<const std::byte> bytes = file.tensors()[at].bytes;
    again.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  const auto copy = io::SafetensorsFile::parse("again", std::as_bytes(std::span(again)));
  require(copy.metadata() == file.metadata(), "metadata come back");
  require(std::ranges::equal(copy.tensors(), file.tensors(),
                             [](const io::Tensor& a, const io::Tensor& b) {
                               return a.name == b.name && a.dtype == b.dtype &&
                                      a.shape == b.shape && std::ranges::equal(a.bytes, b.bytes);
                             }),
          "tensors come back");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> bytes = std::as_bytes(std::span(data, size));
  try {
    const auto file = io::SafetensorsFile::parse("f", bytes);
    for (const io::Tensor& tensor : file.tensors()) check_tensor(file, tensor, bytes);
    check_rewritten(file);
  } catch (const fulgurite::Error& error) {
    const std::string_view text = error.what();
    require(error.kind() == fulgurite::ErrorKind::input, "a bad file is an input error");
    require(text.starts_with("f: ") && text.size() < 2'000, "an error names the file, briefly");
    require(std::ranges::none_of(text, [](char c) { return c >= 0 && c < ' '; }),
            "an error is one line");
    require(io::find_invalid_utf8(text) == text.npos, "an error is UTF-8");
  }
  return 0;
}

/// Mutates the header or the data, and mostly puts the length right again: otherwise nearly every
/// input would end at the first check.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
  constexpr std::size_t kPrefix = io::kLengthBytes;
  std::uint64_t header = 0;
  if (size >= kPrefix) std::memcpy(&header, data, kPrefix);
  if (seed % 8 == 0 || size < kPrefix || max_size < size || header > size - kPrefix) {
    return LLVMFuzzerMutate(data, size, max_size);
  }
  const std::string tail(data + kPrefix + header, data + size);
  if (seed % 8 == 1) {
    const std::size_t start = kPrefix + header;
    return start + LLVMFuzzerMutate(data + start, tail.size(), max_size - start);
  }
  header = LLVMFuzzerMutate(data + kPrefix, header, max_size - kPrefix - tail.size());
  std::memcpy(data, &header, kPrefix);
  std::ranges::copy(tail, data + kPrefix + header);
  return kPrefix + header + tail.size();
}
