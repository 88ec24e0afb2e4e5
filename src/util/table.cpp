#include "bringup/util/table.hpp"

#include <algorithm>

#include "bringup/util/text.hpp"

namespace bringup {

std::vector<std::size_t> Table::widths() const {
  std::vector<std::size_t> result;
  for (const auto& row : rows_) {
    if (row.size() > result.size()) result.resize(row.size(), 0);
    for (std::size_t i = 0; i < row.size(); ++i) {
      result[i] = std::max(result[i], display_width(row[i]));
    }
  }
  return result;
}

std::vector<std::string> Table::lines(std::size_t indent, std::size_t gap) const {
  const auto columns = widths();
  std::vector<std::string> result;
  result.reserve(rows_.size());
  for (const auto& row : rows_) {
    std::string line(indent, ' ');
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i > 0) line.append(gap, ' ');
      const std::size_t pad = columns[i] - display_width(row[i]);
      const bool right = i < alignment_.size() && alignment_[i] == Align::right;
      if (right) line.append(pad, ' ');
      line += row[i];
      if (!right) line.append(pad, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    result.push_back(std::move(line));
  }
  return result;
}

std::string Table::render(std::size_t indent, std::size_t gap) const {
  std::string text;
  for (const auto& line : lines(indent, gap)) text += line + "\n";
  return text;
}

std::size_t Table::width(std::size_t indent, std::size_t gap) const {
  std::size_t widest = 0;
  for (const auto& line : lines(indent, gap)) widest = std::max(widest, display_width(line));
  return widest;
}

}  // namespace bringup
