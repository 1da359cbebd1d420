#include "io/text.hpp"

#include <system_error>

namespace fulgurite::io {
namespace {

unsigned byte_at(std::string_view text, std::size_t at) {
  return at < text.size() ? static_cast<unsigned char>(text[at]) : 0;
}

bool is_tail(unsigned byte) { return (byte & 0xc0) == 0x80; }

/// Bytes of the well-formed sequence at `at`, or 0. RFC 3629, section 4: only the second byte has
/// a range that depends on the first.
std::size_t sequence_bytes(std::string_view text, std::size_t at) {
  const unsigned first = byte_at(text, at);
  if (first < 0x80) return 1;
  const unsigned second = byte_at(text, at + 1);
  if (first < 0xc2 || first > 0xf4 || !is_tail(second)) return 0;
  if (first < 0xe0) return 2;
  if (!is_tail(byte_at(text, at + 2))) return 0;
  if (first == 0xe0 && second < 0xa0) return 0;  // overlong
  if (first == 0xed && second > 0x9f) return 0;  // surrogate
  if (first < 0xf0) return 3;
  if (!is_tail(byte_at(text, at + 3))) return 0;
  if (first == 0xf0 && second < 0x90) return 0;  // overlong
  if (first == 0xf4 && second > 0x8f) return 0;  // above U+10FFFF
  return 4;
}

bool is_control(std::string_view text, std::size_t at) {
  const unsigned byte = byte_at(text, at);
  // U+0080..U+009F steer terminals too.
  return byte < 0x20 || byte == 0x7f || (byte == 0xc2 && byte_at(text, at + 1) < 0xa0);
}

}  // namespace

std::size_t find_invalid_utf8(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t bytes = sequence_bytes(text, at);
    if (bytes == 0) return at;
    at += bytes;
  }
  return std::string_view::npos;
}

std::string printable(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string line;
  line.reserve(text.size());
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t bytes = sequence_bytes(text, at);
    if (bytes != 0 && !is_control(text, at)) {
      line += text.substr(at, bytes);
      at += bytes;
    } else {
      const unsigned byte = byte_at(text, at++);
      line += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 0xf]};
    }
  }
  return line;
}

std::string in_quotes(std::string_view text) {
  constexpr std::size_t kLimit = 100;
  std::size_t cut = text.size();
  if (cut > kLimit) {
    cut = kLimit;
    while (cut > kLimit - 4 && is_tail(byte_at(text, cut))) --cut;
  }
  std::string line(1, '\'');
  line += printable(text.substr(0, cut));
  line += cut < text.size() ? "...'" : "'";
  return line;
}

std::string reason(int error_number) { return std::generic_category().message(error_number); }

}  // namespace fulgurite::io
