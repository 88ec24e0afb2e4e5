// Terms of node sets to names.
#include <fmt/format.h>

#include <charconv>

#include "bringup/util/text.hpp"
#include "nodeset_parts.hpp"

namespace bringup {

tl::unexpected<Error> refuse(std::string message, std::string hint) {
  return fail(ErrorCode::usage, std::move(message), std::move(hint));
}

tl::unexpected<Error> too_many(std::string_view text) {
  return refuse(
      fmt::format("'{}' names more than {} nodes", printable(text, 80), most_nodeset_names),
      "a smaller range");
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::optional<std::uint64_t> number(std::string_view digits) {
  std::uint64_t value = 0;
  const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (digits.empty() || digits.size() > most_digits || code != std::errc{} ||
      end != digits.data() + digits.size()) {
    return std::nullopt;
  }
  return value;
}

namespace {

// "1-3", "07", "20-30/2" → their numbers as text; anything else stands for itself ("a").
Expected<Names> expand_range(std::string_view range, std::string_view whole) {
  const auto bad = [&](std::string_view why) {
    return refuse(fmt::format("'{}' in '{}' {}", printable(range, 80), printable(whole, 80), why),
                  "ranges look like [1-3,7,10-20/2]");
  };
  if (range.empty()) {
    return bad("is an empty range");
  }
  std::string_view bounds = range;
  std::uint64_t step = 1;
  if (const std::size_t slash = range.find('/'); slash != std::string_view::npos) {
    const auto given = number(range.substr(slash + 1));
    if (!given || *given == 0) {
      return bad("has no step that counts");
    }
    step = *given;
    bounds = range.substr(0, slash);
  }
  const std::size_t dash = bounds.find('-');
  const std::string_view first = bounds.substr(0, dash);
  const std::string_view last = dash == std::string_view::npos ? first : bounds.substr(dash + 1);
  const auto from = number(first);
  const auto to = number(last);
  if (!from || !to) {
    return bad("is not a range of numbers");
  }
  if (*from > *to) {
    return bad("runs backwards");
  }
  const bool padded = first.size() > 1 && first.front() == '0';
  const bool last_padded = last.size() > 1 && last.front() == '0';
  if (last_padded && last.size() != first.size()) {
    return bad("has zeros of two widths");
  }
  if ((*to - *from) / step >= most_nodeset_names) {
    return too_many(whole);
  }
  const std::size_t width = padded ? first.size() : 1;
  Names values;
  for (std::uint64_t value = *from; value <= *to; value += step) {
    values.push_back(fmt::format("{:0{}}", value, width));
  }
  return values;
}

}  // namespace

// "n[1-2]x[3,4]" → four names.
Expected<Names> expand_term(std::string_view term) {
  Names names{""};
  std::string_view rest = term;
  while (!rest.empty()) {
    const std::size_t open = rest.find_first_of("[]");
    const std::string_view literal = rest.substr(0, open);
    for (std::string& name : names) {
      name += literal;
    }
    if (open == std::string_view::npos) {
      break;
    }
    const std::size_t close = rest.find_first_of("[]", open + 1);
    if (rest[open] == ']' || close == std::string_view::npos || rest[close] == '[') {
      return refuse(fmt::format("unbalanced bracket in '{}'", printable(term, 80)),
                    "ranges look like [1-3,7]");
    }
    Names values;
    for (const std::string_view range : split(rest.substr(open + 1, close - open - 1), ',')) {
      auto expanded = expand_range(trim(range), term);
      if (!expanded) {
        return tl::unexpected(expanded.error());
      }
      values.insert(values.end(), expanded->begin(), expanded->end());
      if (values.size() * names.size() > most_nodeset_names) {
        return too_many(term);
      }
    }
    Names product;
    product.reserve(names.size() * values.size());
    for (const std::string& name : names) {
      for (const std::string& value : values) {
        product.push_back(name + value);
      }
    }
    names = std::move(product);
    rest = rest.substr(close + 1);
    if (names.front().size() > longest_name) {
      return refuse(fmt::format("'{}' makes names that are too long", printable(term, 80)),
                    "a shorter expression");
    }
  }
  return names;
}

}  // namespace bringup
