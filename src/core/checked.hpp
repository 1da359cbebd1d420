#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace fulgurite::core {

/// a * b and a + b of non-negative sizes; throws Error(input) "what: a * b overflows" if the result
/// does not fit.
std::int64_t checked_multiply(std::string_view what, std::int64_t a, std::int64_t b);
std::int64_t checked_add(std::string_view what, std::int64_t a, std::int64_t b);

/// ceil(a / b) and the next multiple of b, for a >= 0 and b > 0 far from overflow.
constexpr std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
constexpr std::int64_t round_up(std::int64_t a, std::int64_t b) { return divide_up(a, b) * b; }

}  // namespace fulgurite::core
