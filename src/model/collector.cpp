#include "collector.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "bringup/util/text.hpp"

namespace bringup::model {
namespace {

// A file with more mistakes than this is not an inventory; nobody reads on.
constexpr std::size_t most_problems = 1000;
// Edit distances to all names cost too much when thousands of names are wrong.
constexpr std::size_t most_suggestions = 100;

// Swapped letters are two edits, which is far for a word of four: "prot" for "port".
std::string same_letters(std::string_view word, const std::vector<std::string>& candidates) {
  const auto sorted = [](std::string_view text) {
    std::string letters(text);
    std::sort(letters.begin(), letters.end());
    return letters;
  };
  const std::string letters = sorted(word);
  const auto found =
      std::find_if(candidates.begin(), candidates.end(),
                   [&](const std::string& candidate) { return sorted(candidate) == letters; });
  return found == candidates.end() ? std::string() : *found;
}

}  // namespace

Collector::Collector(std::string_view text, std::string file)
    : file_(std::move(file)), lines_(split_lines(text)) {}

void Collector::add(const Spot& spot, std::string message, std::string cure) {
  if (problems_.size() >= most_problems) {
    return;
  }
  problems_.push_back(
      Problem{where(spot), spot.length, std::move(message), std::move(cure), line_text(spot.line)});
}

std::string Collector::suggest(std::string_view word, const std::vector<std::string>& candidates,
                               std::string_view otherwise) const {
  if (problems_.size() < most_suggestions) {
    std::string near = nearest(word, candidates);
    if (near.empty()) {
      near = same_letters(word, candidates);
    }
    if (!near.empty()) {
      return fmt::format("did you mean '{}'?", printable(near, 80));
    }
  }
  if (!otherwise.empty()) {
    return std::string(otherwise);
  }
  return "one of: " + printable(join(candidates, ", "), 300);
}

Where Collector::where(const Spot& spot) const {
  return {spot.flag != nullptr ? spot.flag : file_, spot.line, spot.column};
}

std::string Collector::place(const Spot& spot) {
  return spot.line == 0 ? std::string(spot.flag != nullptr ? spot.flag : "the command line")
                        : fmt::format("line {}", spot.line);
}

Problems Collector::take() {
  std::stable_sort(problems_.begin(), problems_.end(), [](const Problem& a, const Problem& b) {
    return std::tie(a.where.line, a.where.column) < std::tie(b.where.line, b.where.column);
  });
  return {std::move(problems_)};
}

std::string Collector::line_text(std::size_t line) const {
  return line == 0 || line > lines_.size() ? std::string() : std::string(lines_[line - 1]);
}

}  // namespace bringup::model
