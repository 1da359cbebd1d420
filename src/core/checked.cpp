#include "core/checked.hpp"

#include <algorithm>
#include <span>
#include <string>

#include "fulgurite/error.hpp"
#include "fulgurite/tensor.hpp"

namespace fulgurite {
namespace {

std::string to_text(std::span<const std::int64_t> shape) {
  std::string text = "[";
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    if (axis != 0) text += ",";
    text += std::to_string(shape[axis]);
  }
  return text + "]";
}

[[noreturn]] void overflows(std::string_view what, std::int64_t a, char operation, std::int64_t b) {
  throw Error(ErrorKind::input, std::string(what) + ": " + std::to_string(a) + " " + operation +
                                    " " + std::to_string(b) + " overflows a 64-bit size");
}

}  // namespace

std::int64_t core::checked_multiply(std::string_view what, std::int64_t a, std::int64_t b) {
  std::int64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) overflows(what, a, '*', b);
  return product;
}

std::int64_t core::checked_add(std::string_view what, std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) overflows(what, a, '+', b);
  return sum;
}

std::int64_t detail::checked_elements(std::string_view what, std::span<const std::int64_t> shape,
                                      std::size_t element_bytes) {
  std::int64_t elements = 1;
  std::int64_t nonzero = 1;  // strides of an empty array must fit, too
  for (const std::int64_t extent : shape) {
    if (extent < 0) {
      throw Error(
          ErrorKind::input,
          std::string(what) + ": expected dimensions of at least 0, found " + to_text(shape));
    }
    nonzero = core::checked_multiply(what, nonzero, std::max<std::int64_t>(extent, 1));
    elements *= extent;
  }
  core::checked_multiply(what, nonzero, static_cast<std::int64_t>(element_bytes));
  return elements;
}

void detail::expect_shape(std::string_view what, std::span<const std::int64_t> expected,
                          std::span<const std::int64_t> found) {
  if (std::equal(expected.begin(), expected.end(), found.begin(), found.end())) return;
  throw Error(ErrorKind::input, std::string(what) + ": expected shape " + to_text(expected) +
                                    ", found " + to_text(found));
}

}  // namespace fulgurite
