// Names to node sets.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <unordered_set>

#include "bringup/util/text.hpp"
#include "nodeset_parts.hpp"

namespace bringup {
namespace {

// A name cut at its last number: "rack1node07x" → "rack1node", "07", "x".
struct Cut {
  std::string_view prefix;
  std::string_view digits;
  std::string_view suffix;
};

Cut cut(std::string_view name) {
  std::size_t end = name.size();
  while (end > 0 && !is_digit(name[end - 1])) {
    --end;
  }
  std::size_t begin = end;
  while (begin > 0 && is_digit(name[begin - 1])) {
    --begin;
  }
  if (end == begin || end - begin > most_digits) {
    return {name, {}, {}};
  }
  return {name.substr(0, begin), name.substr(begin, end - begin), name.substr(end)};
}

// The ranges of names that differ in one number only. Numbers with zeros in front only run together
// with others of the same width.
std::string fold_numbers(const std::vector<std::string_view>& digits) {
  std::unordered_set<std::size_t> padded_widths;
  for (const std::string_view text : digits) {
    if (text.size() > 1 && text.front() == '0') {
      padded_widths.insert(text.size());
    }
  }
  struct Value {
    std::size_t width;  // 0: as it comes
    std::uint64_t value;
    bool operator<(const Value& other) const {
      return std::tie(width, value) < std::tie(other.width, other.value);
    }
  };
  std::vector<Value> values;
  values.reserve(digits.size());
  for (const std::string_view text : digits) {
    values.push_back({padded_widths.count(text.size()) > 0 ? text.size() : 0, *number(text)});
  }
  std::sort(values.begin(), values.end());
  std::string out;
  for (std::size_t first = 0; first < values.size();) {
    std::size_t last = first;
    while (last + 1 < values.size() && values[last + 1].width == values[first].width &&
           values[last + 1].value == values[last].value + 1) {
      ++last;
    }
    const std::size_t width = std::max<std::size_t>(values[first].width, 1);
    out += fmt::format("{}{:0{}}", out.empty() ? "" : ",", values[first].value, width);
    if (last > first) {
      out += fmt::format("-{:0{}}", values[last].value, width);
    }
    first = last + 1;
  }
  return out;
}

}  // namespace

std::string fold_nodeset(const std::vector<std::string>& names) {
  std::map<std::pair<std::string_view, std::string_view>, std::vector<std::string_view>> numbered;
  std::vector<std::string_view> sorted(names.begin(), names.end());
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  std::vector<std::string> parts;
  for (const std::string_view name : sorted) {
    const Cut parts_of = cut(name);
    numbered[{parts_of.prefix, parts_of.suffix}].push_back(parts_of.digits);
  }
  for (const auto& [around, digits] : numbered) {
    std::vector<std::string_view> numbers;
    for (const std::string_view text : digits) {
      if (text.empty()) {
        parts.emplace_back(around.first);  // a name without a number
      } else {
        numbers.push_back(text);
      }
    }
    if (numbers.size() == 1) {
      parts.push_back(fmt::format("{}{}{}", around.first, numbers.front(), around.second));
    } else if (!numbers.empty()) {
      parts.push_back(fmt::format("{}[{}]{}", around.first, fold_numbers(numbers), around.second));
    }
  }
  return join(parts, ",");
}

}  // namespace bringup
