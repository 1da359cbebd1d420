#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fulgurite::report {

enum class Align { left, right };

struct Column {
  std::string_view title;
  Align align = Align::left;
};

/// Text in aligned columns, two blanks between them; no line ends in blanks.
class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  /// A cell for each column, from the left; missing ones are empty.
  void add(std::vector<std::string> cells);

  /// The titles' line, then the rows; each ends with a newline.
  [[nodiscard]] std::string text() const;

 private:
  [[nodiscard]] std::string line(const std::vector<std::string>& cells,
                                 const std::vector<std::size_t>& widths) const;

  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace fulgurite::report
