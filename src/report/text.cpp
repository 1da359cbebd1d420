#include "report/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace fulgurite::report {
namespace {

/// The number as 1.00 to 999 of the largest unit that fits; `units` rise by 1,000.
template <std::size_t N>
std::string scaled(double number, const std::array<std::string_view, N>& units) {
  std::size_t unit = 0;
  // 999.5 of a unit would be written as 1000.
  while (unit + 1 < N && std::abs(number) >= 999.5) {
    number /= 1000;
    ++unit;
  }
  const double magnitude = std::abs(number);
  const int decimals = magnitude >= 99.95 ? 0 : magnitude >= 9.995 ? 1 : 2;
  return fmt::format("{:.{}f} {}", number, decimals, units[unit]);
}

}  // namespace

std::string thousands(std::int64_t number) {
  const std::string digits = std::to_string(number);
  std::string text;
  for (std::size_t at = 0; at < digits.size(); ++at) {
    text += digits[at];
    const std::size_t left = digits.size() - 1 - at;
    if (digits[at] != '-' && left != 0 && left % 3 == 0) text += ',';
  }
  return text;
}

std::string count_of(std::int64_t number, std::string_view noun) {
  return fmt::format("{} {}{}", thousands(number), noun, number == 1 ? "" : "s");
}

std::string duration(double seconds) {
  return scaled(seconds * 1e9, std::array<std::string_view, 4>{"ns", "us", "ms", "s"});
}

std::string macs(double number) {
  return scaled(number, std::array<std::string_view, 5>{"MAC", "kMAC", "MMAC", "GMAC", "TMAC"});
}

std::string additions(double number) {
  return scaled(number, std::array<std::string_view, 5>{"add", "kadd", "Madd", "Gadd", "Tadd"});
}

std::string bytes(double number) {
  return scaled(number, std::array<std::string_view, 6>{"B", "kB", "MB", "GB", "TB", "PB"});
}

std::string percent(double share) { return fmt::format("{:.0f} %", 100 * share); }

std::string kibibytes(std::int64_t bytes) {
  return fmt::format("{:.1f} KiB", static_cast<double>(bytes) / 1024);
}

std::string wrapped(std::string_view text, std::size_t width, std::size_t indent) {
  std::string lines;
  std::size_t column = 0;  // 0: the line has no word yet
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (word.empty()) continue;
    if (column != 0 && column + 1 + word.size() > width) {
      lines += '\n';
      column = 0;
    }
    lines += column == 0 ? std::string(indent, ' ') : " ";
    lines += word;
    column = column == 0 ? indent + word.size() : column + 1 + word.size();
  }
  if (column != 0) lines += '\n';
  return lines;
}

std::string shape_text(std::span<const std::int64_t> shape) {
  return fmt::format("[{}]", fmt::join(shape, ","));
}

}  // namespace fulgurite::report
