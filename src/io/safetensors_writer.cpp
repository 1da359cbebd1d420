#include "io/safetensors_writer.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "fulgurite/error.hpp"
#include "io/atomic_file.hpp"
#include "io/text.hpp"

namespace fulgurite::io {
namespace {

class HeaderWriter {
 public:
  explicit HeaderWriter(const std::string& file) : file_(file) {}

  void add(const Metadata& metadata) {
    if (metadata.empty()) return;
    add_key(kMetadataKey);
    char separator = '{';
    for (const auto& [key, value] : metadata) {
      text_ += separator;
      text_ += json(key, "metadata");
      text_ += ':';
      text_ += json(value, "metadata");
      separator = ',';
    }
    text_ += '}';
  }

  void add(const Tensor& tensor, std::int64_t begin) {
    if (tensor.name == kMetadataKey || !names_.insert(tensor.name).second) {
      fail("expected tensors of different names, none of them __metadata__, found " +
           in_quotes(tensor.name));
    }
    const auto size = static_cast<std::int64_t>(tensor.bytes.size());
    if (tensor.shape.size() > kMostDimensions || tensor_bytes(tensor.dtype, tensor.shape) != size) {
      fail("tensor " + in_quotes(tensor.name) +
           ": expected the bytes of its dtype and shape, found " + std::to_string(size));
    }
    add_key(tensor.name);
    text_ += R"({"dtype":")";
    text_ += dtype_name(tensor.dtype);
    text_ += R"(","shape":)" + list(tensor.shape) + R"(,"data_offsets":)" +
             list(std::array{begin, begin + size}) + "}";
  }

  std::string finish() {
    text_ += text_.empty() ? "{}" : "}";
    text_.resize((text_.size() + 7) / 8 * 8, ' ');
    if (text_.size() > kMostHeaderBytes) {
      fail("expected a header of at most " + std::to_string(kMostHeaderBytes) + " bytes, found " +
           std::to_string(text_.size()));
    }
    return std::move(text_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorKind::usage, printable(file_) + ": " + what);
  }

  void add_key(std::string_view key) {
    text_ += text_.empty() ? '{' : ',';
    text_ += json(key, "tensor name");
    text_ += ':';
  }

  [[nodiscard]] std::string json(std::string_view text, const std::string& what) const {
    if (find_invalid_utf8(text) != text.npos) {
      fail(what + ": expected UTF-8, found other bytes");
    }
    return nlohmann::json(text).dump();
  }

  static std::string list(std::span<const std::int64_t> numbers) {
    std::string text = "[";
    for (const std::int64_t number : numbers) {
      if (text.size() > 1) text += ",";
      text += std::to_string(number);
    }
    return text + "]";
  }

  const std::string& file_;
  std::string text_;
  std::unordered_set<std::string_view> names_;
};

}  // namespace

std::vector<std::size_t> data_order(std::span<const Tensor> tensors) {
  std::vector<std::size_t> order(tensors.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  // Tensors of equal bits stay in the order given.
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::pair(-bits_of(tensors[a].dtype), a) < std::pair(-bits_of(tensors[b].dtype), b);
  });
  return order;
}

std::string safetensors_preamble(const std::string& file, std::span<const Tensor> tensors,
                                 const Metadata& metadata) {
  std::vector<std::int64_t> begins(tensors.size());
  std::int64_t begin = 0;
  for (const std::size_t at : data_order(tensors)) {
    begins[at] = begin;
    begin += static_cast<std::int64_t>(tensors[at].bytes.size());
  }
  HeaderWriter writer(file);
  writer.add(metadata);
  for (std::size_t at = 0; at < tensors.size(); ++at) writer.add(tensors[at], begins[at]);
  const std::string header = writer.finish();
  std::string preamble;
  for (std::size_t byte = 0; byte < kLengthBytes; ++byte) {
    preamble += static_cast<char>(header.size() >> (8 * byte) & 0xff);
  }
  return preamble + header;
}

void write_safetensors(const std::filesystem::path& path, std::span<const Tensor> tensors,
                       const Metadata& metadata) {
  const std::string preamble = safetensors_preamble(path.string(), tensors, metadata);
  AtomicFile file(path);
  file.write(std::as_bytes(std::span(preamble)));
  for (const std::size_t at : data_order(tensors)) file.write(tensors[at].bytes);
  file.commit();
}

}  // namespace fulgurite::io
