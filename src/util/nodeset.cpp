#include "bringup/util/nodeset.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

#include "bringup/util/text.hpp"

namespace bringup {
namespace {

constexpr std::string_view operators = ",!&^";
constexpr std::size_t longest_name = 255;
constexpr std::size_t most_digits = 18;  // fits 64 bits

using Names = std::vector<std::string>;

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

// Wildcards by backtracking to the last star only: linear in the name for each star.
bool matches(std::string_view pattern, std::string_view name) {
  std::size_t p = 0;
  std::size_t n = 0;
  std::size_t star = std::string_view::npos;
  std::size_t mark = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      mark = n;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n])) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++mark;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') {
    ++p;
  }
  return p == pattern.size();
}

struct Term {
  char op = ',';
  std::string_view text;
};

// Terms with the operator before each. Brackets protect the commas in them.
Expected<std::vector<Term>> parse_terms(std::string_view text) {
  if (text.size() > longest_nodeset_text) {
    return refuse("the node set is longer than 64 KiB", "name a group in the inventory");
  }
  const auto incomplete = [&](std::string_view what) {
    return refuse(fmt::format("{} in the node set '{}'", what, printable(text, 80)),
                  "like studio[1-3],!studio2,@group");
  };
  std::vector<Term> terms;
  char op = 0;  // the operator seen since the last term
  std::size_t at = 0;
  while (at < text.size()) {
    if (text[at] == ' ' || text[at] == '\t') {
      ++at;
      continue;
    }
    if (operators.find(text[at]) != std::string_view::npos) {
      const bool after_comma = op == ',' && text[at] != ',';
      if (op != 0 && !after_comma) {
        return incomplete("two operators without a name between them");
      }
      if (terms.empty() && op == 0 && (text[at] == ',' || text[at] == '^')) {
        return incomplete(fmt::format("nothing before '{}'", text[at]));
      }
      op = text[at++];
      continue;
    }
    const std::size_t start = at;
    int depth = 0;
    while (at < text.size() && (depth > 0 || (operators.find(text[at]) == std::string_view::npos &&
                                              text[at] != ' ' && text[at] != '\t'))) {
      depth += text[at] == '[' ? 1 : text[at] == ']' && depth > 0 ? -1 : 0;
      ++at;
    }
    if (op == 0 && !terms.empty()) {
      return incomplete("two names without an operator between them");
    }
    terms.push_back({op == 0 ? ',' : op, text.substr(start, at - start)});
    op = 0;
  }
  if (op != 0) {
    return incomplete(fmt::format("nothing after '{}'", op));
  }
  if (terms.empty()) {
    return refuse("the node set is empty", "like studio[1-3],!studio2,@group");
  }
  return terms;
}

// An ordered set of names, to which the operators apply.
class Selection {
 public:
  void apply(char op, const Names& operand) {
    const std::unordered_set<std::string> right(operand.begin(), operand.end());
    if (op == '&') {
      keep([&](const std::string& name) { return right.count(name) > 0; });
      return;
    }
    Names fresh;  // of the operand, what was not there before
    std::unordered_set<std::string> seen = present_;
    for (const std::string& name : operand) {
      if (seen.insert(name).second) {
        fresh.push_back(name);
      }
    }
    if (op != ',') {
      keep([&](const std::string& name) { return right.count(name) == 0; });
    }
    if (op != '!') {
      for (std::string& name : fresh) {
        present_.insert(name);
        order_.push_back(std::move(name));
      }
    }
  }

  [[nodiscard]] std::size_t size() const { return order_.size(); }
  Names take() { return std::move(order_); }

 private:
  template <class Predicate>
  void keep(const Predicate& predicate) {
    Names kept;
    for (std::string& name : order_) {
      if (predicate(name)) {
        kept.push_back(std::move(name));
      } else {
        present_.erase(name);
      }
    }
    order_ = std::move(kept);
  }

  Names order_;
  std::unordered_set<std::string> present_;
};

// What a term means in a universe; what it lacks goes to `unknown`.
class Lookup {
 public:
  explicit Lookup(const NodesetUniverse& universe)
      : universe_(universe), known_(universe.names.begin(), universe.names.end()) {}

  Expected<Names> names_of(std::string_view term) {
    if (term.front() == '@') {
      return group(term.substr(1));
    }
    auto expanded = expand_term(term);
    if (!expanded) {
      return expanded;
    }
    Names found;
    for (std::string& name : *expanded) {
      if (name.find_first_of("*?") != std::string::npos) {
        glob(name, found);
      } else if (known_.count(name) > 0) {
        found.push_back(std::move(name));
      } else {
        unknown_names_.push_back(std::move(name));
      }
    }
    return found;
  }

  [[nodiscard]] std::optional<Error> complaint() const {
    std::vector<std::string> parts;
    std::string hint;
    if (!unknown_names_.empty()) {
      parts.push_back(fmt::format("unknown node{} '{}'", unknown_names_.size() > 1 ? "s" : "",
                                  printable(fold_nodeset(unknown_names_), 200)));
      const std::string near = nearest(unknown_names_.front(), universe_.names);
      hint = near.empty() ? "known: " + printable(fold_nodeset(universe_.names), 200)
                          : fmt::format("did you mean '{}'?", printable(near, 80));
    }
    for (const std::string& group : unknown_groups_) {
      parts.push_back(fmt::format("unknown group '@{}'", printable(group, 80)));
    }
    if (!unknown_groups_.empty() && hint.empty()) {
      Names groups;
      for (const auto& [name, members] : universe_.groups) {
        groups.push_back("@" + name);
      }
      hint = groups.empty() ? "the inventory has no groups"
                            : "known: " + printable(join(groups, ", "), 200);
    }
    for (const std::string& pattern : barren_) {
      parts.push_back(fmt::format("no node matches '{}'", printable(pattern, 80)));
    }
    if (parts.empty()) {
      return std::nullopt;
    }
    if (hint.empty()) {
      hint = "known: " + printable(fold_nodeset(universe_.names), 200);
    }
    return Error{ErrorCode::usage, printable(join(parts, "; "), 600), hint};
  }

 private:
  Expected<Names> group(std::string_view name) {
    const auto found = universe_.groups.find(std::string(name));
    if (found == universe_.groups.end()) {
      unknown_groups_.emplace_back(name);
      return Names{};
    }
    return found->second;
  }

  void glob(const std::string& pattern, Names& found) {
    const std::size_t before = found.size();
    for (const std::string& name : universe_.names) {
      if (matches(pattern, name)) {
        found.push_back(name);
      }
    }
    if (found.size() == before) {
      barren_.push_back(pattern);
    }
  }

  const NodesetUniverse& universe_;
  std::unordered_set<std::string> known_;
  Names unknown_names_;
  Names unknown_groups_;
  Names barren_;
};

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

Expected<std::vector<std::string>> expand_nodeset(std::string_view text) {
  const auto terms = parse_terms(text);
  if (!terms) {
    return tl::unexpected(terms.error());
  }
  if (terms->front().op != ',') {
    return refuse(fmt::format("nothing before '{}' in the node set '{}'", terms->front().op,
                              printable(text, 80)),
                  "start with names");
  }
  Selection selection;
  for (const Term& term : *terms) {
    if (term.text.find_first_of("@*?") != std::string_view::npos) {
      return refuse(
          fmt::format("'{}' needs an inventory to look it up in", printable(term.text, 80)),
          "plain names and ranges, like studio[1-3]");
    }
    const auto names = expand_term(term.text);
    if (!names) {
      return tl::unexpected(names.error());
    }
    selection.apply(term.op, *names);
    if (selection.size() > most_nodeset_names) {
      return too_many(text);
    }
  }
  return selection.take();
}

Expected<std::vector<std::string>> evaluate_nodeset(std::string_view text,
                                                    const NodesetUniverse& universe) {
  const auto terms = parse_terms(text);
  if (!terms) {
    return tl::unexpected(terms.error());
  }
  Lookup lookup(universe);
  Selection selection;
  if (terms->front().op != ',') {
    selection.apply(',', universe.names);
  }
  for (const Term& term : *terms) {
    const auto names = lookup.names_of(term.text);
    if (!names) {
      return tl::unexpected(names.error());
    }
    selection.apply(term.op, *names);
  }
  if (auto complaint = lookup.complaint()) {
    return tl::unexpected(std::move(*complaint));
  }
  const Names selected = selection.take();
  const std::unordered_set<std::string> chosen(selected.begin(), selected.end());
  Names in_order;
  std::copy_if(universe.names.begin(), universe.names.end(), std::back_inserter(in_order),
               [&](const std::string& name) { return chosen.count(name) > 0; });
  return in_order;
}

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
