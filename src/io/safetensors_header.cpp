#include "io/safetensors_header.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "fulgurite/error.hpp"
#include "io/text.hpp"

namespace fulgurite::io {
namespace {

[[noreturn]] void refuse(std::string_view file, const std::string& what) {
  throw Error(ErrorKind::input, printable(file) + ": " + what);
}

[[noreturn]] void refuse(std::string_view file, const HeaderEntry& tensor,
                         const std::string& what) {
  refuse(file, "tensor " + in_quotes(tensor.name) + ": " + what);
}

std::string to_text(std::span<const std::int64_t> shape) {
  std::string text = "[";
  for (const std::int64_t extent : shape) {
    if (text.size() > 1) text += ",";
    text += std::to_string(extent);
  }
  return text + "]";
}

std::string_view header_text(std::string_view file, std::span<const std::byte> bytes) {
  if (bytes.size() < kLengthBytes) {
    refuse(file, "expected the 8 bytes of a header length, found a file of " +
                     std::to_string(bytes.size()) + " bytes");
  }
  std::uint64_t length = 0;
  for (std::size_t at = kLengthBytes; at-- > 0;) {
    length = length << 8 | std::to_integer<std::uint64_t>(bytes[at]);
  }
  if (length == 0 || length > kMostHeaderBytes) {
    refuse(file, "expected a header length of 1 to " + std::to_string(kMostHeaderBytes) +
                     " bytes, found " + std::to_string(length));
  }
  if (length > bytes.size() - kLengthBytes) {
    refuse(file, "expected a header of " + std::to_string(length) + " bytes, found only " +
                     std::to_string(bytes.size() - kLengthBytes));
  }
  return {reinterpret_cast<const char*>(bytes.data()) + kLengthBytes,
          static_cast<std::size_t>(length)};
}

void check_text(std::string_view file, std::string_view text) {
  if (text.front() != '{') {
    refuse(file, "expected a header that starts with '{', found " + in_quotes(text.substr(0, 1)));
  }
  if (const std::size_t at = find_invalid_utf8(text); at != text.npos) {
    refuse(file, "expected a header in UTF-8, found other bytes at byte " + std::to_string(at));
  }
  // The JSON parser would take it for the end of the text.
  if (const std::size_t at = text.find('\0'); at != text.npos) {
    refuse(file, "expected a header in JSON, found a zero byte at byte " + std::to_string(at));
  }
}

void check_size(std::string_view file, const HeaderEntry& tensor) {
  const std::string described =
      std::string(dtype_name(tensor.dtype)) + " of shape " + to_text(tensor.shape);
  if (tensor.begin > tensor.end) {
    refuse(file, tensor,
           "expected data_offsets that do not fall, found [" + std::to_string(tensor.begin) + "," +
               std::to_string(tensor.end) + "]");
  }
  const auto expected = tensor_bytes(tensor.dtype, tensor.shape);
  if (!expected) {
    refuse(file, tensor, "expected a size of whole bytes that fits 64 bits, found " + described);
  }
  if (*expected != tensor.end - tensor.begin) {
    refuse(file, tensor,
           "expected " + std::to_string(*expected) + " bytes for " + described +
               ", found data_offsets of " + std::to_string(tensor.end - tensor.begin) + " bytes");
  }
}

/// In the order of their offsets, each tensor starts where the one before ended.
void check_tiling(std::string_view file, std::span<const HeaderEntry> tensors,
                  std::int64_t data_bytes) {
  std::vector<std::size_t> order(tensors.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::pair(tensors[a].begin, tensors[a].end) <
           std::pair(tensors[b].begin, tensors[b].end);
  });
  std::int64_t covered = 0;
  for (const std::size_t at : order) {
    const HeaderEntry& tensor = tensors[at];
    if (tensor.begin != covered) {
      refuse(file, tensor,
             "expected data from byte " + std::to_string(covered) + ", found " +
                 (tensor.begin < covered ? "an overlap" : "a gap") + ": it begins at byte " +
                 std::to_string(tensor.begin));
    }
    if (tensor.end > data_bytes) {
      refuse(file, tensor,
             "expected data within the file's " + std::to_string(data_bytes) +
                 " bytes of data, found an end at byte " + std::to_string(tensor.end));
    }
    covered = tensor.end;
  }
  if (covered != data_bytes) {
    refuse(file, "expected " + std::to_string(covered) + " bytes of data after the header, found " +
                     std::to_string(data_bytes));
  }
}

}  // namespace

SafetensorsHeader parse_header(std::string_view file, std::span<const std::byte> bytes) {
  const std::string_view text = header_text(file, bytes);
  check_text(file, text);
  SafetensorsHeader header = parse_header_json(file, text);
  header.data_start = kLengthBytes + text.size();
  for (const HeaderEntry& tensor : header.tensors) check_size(file, tensor);
  check_tiling(file, header.tensors, static_cast<std::int64_t>(bytes.size() - header.data_start));
  return header;
}

}  // namespace fulgurite::io
