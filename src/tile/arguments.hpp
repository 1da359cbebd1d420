#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "fulgurite/error.hpp"
#include "tile/keywords.hpp"

namespace fulgurite::tile::detail {

/// The arguments of a written call, taken one by one.
class Arguments {
 public:
  explicit Arguments(const WrittenCall& call) : call_(call) {}

  /// Throws "function at file:line: message".
  [[noreturn]] void refuse(const std::string& message, ErrorKind kind = ErrorKind::input) const;

  void expect_positional(std::size_t least, std::size_t most) const;
  void expect_keywords(std::initializer_list<std::string_view> allowed) const;

  /// Null if the keyword was not written.
  [[nodiscard]] const ArgumentValue* find(std::string_view keyword) const;
  /// The same for an argument that may also stand at a position; refuses it in both places.
  [[nodiscard]] const ArgumentValue* find(std::string_view keyword, std::size_t position) const;

  // The argument `name` as a type; refuses another.
  [[nodiscard]] std::string text(std::string_view name, const ArgumentValue& value) const;
  [[nodiscard]] Index integer(std::string_view name, const ArgumentValue& value) const;
  [[nodiscard]] double number(std::string_view name, const ArgumentValue& value) const;
  [[nodiscard]] Value value(std::string_view name, const ArgumentValue& value) const;
  [[nodiscard]] bool flag(std::string_view name, const ArgumentValue& value) const;
  /// False if it was not written.
  [[nodiscard]] bool flag(std::string_view keyword) const;

 private:
  const WrittenCall& call_;
};

}  // namespace fulgurite::tile::detail
