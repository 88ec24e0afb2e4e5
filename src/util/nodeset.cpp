#include "bringup/util/nodeset.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "bringup/util/text.hpp"
#include "nodeset_parts.hpp"

namespace bringup {
namespace {

constexpr std::string_view operators = ",!&^";

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
    // Of the operand, what was not there before. A list of thousands of names is as many operands:
    // none may cost what the whole set does.
    Names fresh;
    std::unordered_set<std::string> seen;
    for (const std::string& name : operand) {
      if (present_.count(name) == 0 && seen.insert(name).second) {
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

}  // namespace bringup
