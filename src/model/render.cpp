#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "bringup/model/inventory.hpp"
#include "bringup/util/text.hpp"

namespace bringup::model {
namespace {

constexpr std::size_t context = 50;      // code points of a long line shown before the fault
constexpr std::size_t most_shown = 120;  // and in all

// The byte at which code point number `count` starts (or the text's end).
std::size_t byte_of(std::string_view text, std::size_t count) {
  std::size_t byte = 0;
  while (byte < text.size() && count > 0) {
    ++byte;
    while (byte < text.size() && (static_cast<unsigned char>(text[byte]) & 0xC0U) == 0x80U) {
      ++byte;
    }
    --count;
  }
  return byte;
}

constexpr std::size_t unbounded = static_cast<std::size_t>(-1) / 2;

// Code points [begin, end) of the line, fit for a terminal. Escapes change widths, so each piece is
// escaped by itself and measured after.
std::string piece(std::string_view line, std::size_t begin, std::size_t end) {
  const std::size_t first = byte_of(line, begin);
  const std::size_t last = byte_of(line, std::max(begin, end));
  return printable(line.substr(first, last - first), unbounded);
}

}  // namespace

std::string render(const Problem& problem) {
  std::string out;
  if (problem.where.line > 0) {
    out += printable(problem.where.to_string()) + ": ";
  }
  out += problem.message + "\n";
  if (problem.where.line > 0 && !problem.line_text.empty()) {
    const std::size_t start = problem.where.column > 0 ? problem.where.column - 1 : 0;
    const std::size_t from = start > context ? start - context : 0;
    const std::size_t until = from + most_shown;
    const std::size_t stop = std::min(start + std::max<std::size_t>(problem.length, 1), until);
    const std::string before = (from > 0 ? "…" : "") + piece(problem.line_text, from, start);
    const std::string fault = piece(problem.line_text, start, stop);
    std::string after = piece(problem.line_text, stop, until);
    if (byte_of(problem.line_text, until) < problem.line_text.size()) {
      after += "…";
    }
    const std::string number = std::to_string(problem.where.line);
    const std::size_t width = std::max<std::size_t>(display_width(fault), 1);
    out += fmt::format("  {} | {}{}{}\n", number, before, fault, after);
    out += fmt::format("  {:{}} | {:{}}^{:~<{}}\n", "", number.size(), "", display_width(before),
                       "", width - 1);
  }
  if (!problem.cure.empty()) {
    out += "  cure: " + problem.cure + "\n";
  }
  return out;
}

std::string render(const Problems& problems) {
  std::string out;
  for (const Problem& problem : problems.items) {
    out += render(problem);
  }
  return out;
}

}  // namespace bringup::model
