#pragma once
// Columns of text for a terminal, padded by what each cell takes on screen.
#include <cstddef>
#include <string>
#include <vector>

namespace bringup {

enum class Align { left, right };

// Rows may differ in length. A column's width is that of its widest cell; cells beyond `alignment`
// stand left. Cells are measured with display_width(), so they must be free of escape sequences.
class Table {
 public:
  Table() = default;
  explicit Table(std::vector<Align> alignment) : alignment_(std::move(alignment)) {}

  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }

  [[nodiscard]] bool empty() const { return rows_.empty(); }
  // Width of the widest line that render() would give, indent included.
  [[nodiscard]] std::size_t width(std::size_t indent = 0, std::size_t gap = 2) const;
  // One line per row, each ended by "\n", without trailing blanks.
  [[nodiscard]] std::string render(std::size_t indent = 0, std::size_t gap = 2) const;
  // The same, line by line and without line ends, for callers that colour what they show.
  [[nodiscard]] std::vector<std::string> lines(std::size_t indent = 0, std::size_t gap = 2) const;

 private:
  [[nodiscard]] std::vector<std::size_t> widths() const;
  std::vector<Align> alignment_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace bringup
