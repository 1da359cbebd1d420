#include "report/table.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace fulgurite::report {

void Table::add(std::vector<std::string> cells) {
  assert(cells.size() <= columns_.size());
  cells.resize(columns_.size());
  rows_.push_back(std::move(cells));
}

std::string Table::text() const {
  std::vector<std::string> titles;
  for (const Column& column : columns_) titles.emplace_back(column.title);
  std::vector<std::size_t> widths;
  for (std::size_t at = 0; at < columns_.size(); ++at) {
    std::size_t width = titles[at].size();
    for (const auto& row : rows_) width = std::max(width, row[at].size());
    widths.push_back(width);
  }
  std::string text = line(titles, widths);
  for (const auto& row : rows_) text += line(row, widths);
  return text;
}

std::string Table::line(const std::vector<std::string>& cells,
                        const std::vector<std::size_t>& widths) const {
  std::string text;
  for (std::size_t at = 0; at < cells.size(); ++at) {
    const std::string padding(widths[at] - cells[at].size(), ' ');
    if (at != 0) text += "  ";
    text += columns_[at].align == Align::left ? cells[at] + padding : padding + cells[at];
  }
  const std::size_t end = text.find_last_not_of(' ');
  return text.substr(0, end == std::string::npos ? 0 : end + 1) + "\n";
}

}  // namespace fulgurite::report
