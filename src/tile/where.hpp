#pragma once

#include <cstdint>
#include <source_location>

namespace fulgurite::tile {

/// The line that an operation is written on. In C++ it comes by itself, as the default argument
/// std::source_location::current(); another front end gives the line of its own caller.
class Where {
 public:
  Where(const std::source_location& here)  // NOLINT(google-explicit-constructor)
      : file_(here.file_name()),
        function_(here.function_name()),
        line_(here.line()),
        column_(here.column()) {}

  /// The strings must live as long as the program does.
  static Where line(const char* file, std::uint32_t line, const char* function = "",
                    std::uint32_t column = 0) {
    Where where;
    where.file_ = file;
    where.function_ = function;
    where.line_ = line;
    where.column_ = column;
    return where;
  }

  [[nodiscard]] const char* file() const { return file_; }
  [[nodiscard]] const char* function() const { return function_; }
  [[nodiscard]] std::uint32_t line() const { return line_; }
  [[nodiscard]] std::uint32_t column() const { return column_; }

 private:
  Where() = default;

  const char* file_ = "";
  const char* function_ = "";
  std::uint32_t line_ = 0;
  std::uint32_t column_ = 0;
};

}  // namespace fulgurite::tile
