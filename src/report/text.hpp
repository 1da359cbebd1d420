#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

// Numbers as people read them.
namespace fulgurite::report {

/// "2,047"
std::string thousands(std::int64_t number);

/// "1 token", "2,047 tokens"
std::string count_of(std::int64_t number, std::string_view noun);

/// Three significant digits and a unit: "17.6 ms", "4.80 us", "1.23 s".
std::string duration(double seconds);

/// Three significant digits and a unit: "1.07 GMAC", "33.5 MMAC".
std::string macs(double number);
/// "7.34 Madd"
std::string additions(double number);

/// "8.39 MB", powers of ten, as memory bandwidth is given.
std::string bytes(double number);

/// "95 %"
std::string percent(double share);

/// "74.6 KiB", powers of two with one decimal, as on-chip memories are given.
std::string kibibytes(std::int64_t bytes);

/// Lines of at most `width` columns, `indent` blanks before each; a longer word stands alone. Each
/// line ends with a newline.
std::string wrapped(std::string_view text, std::size_t width, std::size_t indent = 0);

/// "[2,256,128]"
std::string shape_text(std::span<const std::int64_t> shape);

}  // namespace fulgurite::report
