#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace fulgurite::io {

/// Position of the first byte that is not part of well-formed UTF-8 (RFC 3629: no overlong forms,
/// no surrogates, nothing above U+10FFFF); npos if there is none.
std::size_t find_invalid_utf8(std::string_view text);

/// The text on one line of UTF-8: control characters, and bytes that are not UTF-8, become \xNN.
std::string printable(std::string_view text);

/// The text on one line in single quotes, cut after about 100 bytes: names come from strangers.
std::string in_quotes(std::string_view text);

/// What the system says of an errno: "No such file or directory".
std::string reason(int error_number);

}  // namespace fulgurite::io
