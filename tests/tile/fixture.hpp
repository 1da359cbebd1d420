#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "fulgurite/dtype.hpp"
#include "fulgurite/error.hpp"
#include "tile/element.hpp"
#include "tile/node.hpp"
#include "tile/tile.hpp"

namespace fulgurite::tile {

inline constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
inline constexpr float kInf = std::numeric_limits<float>::infinity();

inline std::uint32_t bits(float x) { return std::bit_cast<std::uint32_t>(x); }

/// The elements of a tile, those outside of its valid region, too.
template <class T>
std::vector<T> elements(const Value& tile) {
  const T* data = tile.node()->data<T>();
  return {data, data + tile.shape().elements()};
}

inline std::vector<std::uint32_t> float_bits(const Value& tile) {
  return elements<std::uint32_t>(tile);
}

/// One flag an element.
inline std::vector<int> undefined(const Value& tile) {
  const auto count = static_cast<std::size_t>(tile.shape().elements());
  const std::uint8_t* flags = tile.node()->undefined();
  return flags == nullptr ? std::vector<int>(count) : std::vector<int>(flags, flags + count);
}

/// A program with tensors that live as long as it does.
class TileTest : public testing::Test {
 protected:
  template <class T>
  Tensor tensor(const Shape& shape, std::vector<T> values, Mark mark = Mark::unmarked,
                const std::string& name = "x") {
    auto memory = std::make_shared<std::vector<T>>(std::move(values));
    EXPECT_EQ(static_cast<Index>(memory->size()), shape.elements());
    memory_.push_back(memory);
    return pl.parameter(name, mark, detail::dtype_of<T>(), shape, memory->data());
  }
  template <class T>
  Tensor zeros(const Shape& shape, Mark mark = Mark::out, const std::string& name = "out") {
    return tensor(shape, std::vector<T>(static_cast<std::size_t>(shape.elements())), mark, name);
  }
  /// What the test's last tensor holds.
  template <class T>
  std::vector<T>& memory(std::size_t which) {
    return *static_cast<std::vector<T>*>(memory_[which].get());
  }

  /// A test body inside one scope.
  template <class Body>
  void in_scope(Body body) {
    pl.at("test", body);
  }
  /// Runs `body` in a scope and expects it to throw; then the program starts anew.
  template <class Body>
  void expect_refusal(const std::string& text, Body body, ErrorKind kind = ErrorKind::input) {
    try {
      pl.at("test", body);
      FAIL() << "expected: " << text;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr(text));
      EXPECT_EQ(error.kind(), kind) << error.what();
    }
  }

  Program pl;

 private:
  std::vector<std::shared_ptr<void>> memory_;
};

template <class Body>
void expect_error(const std::string& text, Body body, ErrorKind kind = ErrorKind::input) {
  try {
    body();
    FAIL() << "expected: " << text;
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr(text));
    EXPECT_EQ(error.kind(), kind) << error.what();
  }
}

}  // namespace fulgurite::tile
