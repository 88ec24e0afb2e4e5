#include "bringup/util/diff.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "bringup/util/text.hpp"

namespace bringup {
namespace {

constexpr std::size_t kAround = 3;

}  // namespace

std::string unified_diff(std::string_view before, std::string_view after,
                         const std::string& before_name, const std::string& after_name) {
  const auto old_lines = split_lines(before);
  const auto new_lines = split_lines(after);
  if (old_lines.size() != new_lines.size()) {
    throw std::invalid_argument("unified_diff: lines were added or taken away");
  }
  std::vector<std::size_t> changed;
  for (std::size_t i = 0; i < old_lines.size(); ++i) {
    if (old_lines[i] != new_lines[i]) changed.push_back(i);
  }
  if (changed.empty()) return {};
  std::string text = fmt::format("--- {}\n+++ {}\n", before_name, after_name);
  for (std::size_t at = 0; at < changed.size();) {
    std::size_t last = at;
    while (last + 1 < changed.size() && changed[last + 1] - changed[last] <= 2 * kAround) ++last;
    const std::size_t first_line = changed[at] > kAround ? changed[at] - kAround : 0;
    const std::size_t end_line = std::min(changed[last] + kAround + 1, old_lines.size());
    text += fmt::format("@@ -{0},{1} +{0},{1} @@\n", first_line + 1, end_line - first_line);
    for (std::size_t line = first_line; line < end_line;) {
      if (old_lines[line] == new_lines[line]) {
        text += fmt::format(" {}\n", old_lines[line++]);
        continue;
      }
      std::size_t stop = line;
      while (stop < end_line && old_lines[stop] != new_lines[stop]) ++stop;
      for (std::size_t i = line; i < stop; ++i) text += fmt::format("-{}\n", old_lines[i]);
      for (std::size_t i = line; i < stop; ++i) text += fmt::format("+{}\n", new_lines[i]);
      line = stop;
    }
    at = last + 1;
  }
  return text;
}

}  // namespace bringup
