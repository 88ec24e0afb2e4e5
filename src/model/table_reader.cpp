#include "table_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "bringup/util/text.hpp"

namespace bringup::model {
namespace {

std::string_view type_word(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "an array";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "an integer";
    case toml::node_type::floating_point:
      return "a number";
    case toml::node_type::boolean:
      return "true or false";
    case toml::node_type::none:
      break;
    case toml::node_type::date:
    case toml::node_type::time:
    case toml::node_type::date_time:
      return "a date or time";
  }
  return "something else";
}

}  // namespace

Spot spot_of(const toml::source_region& region) {
  Spot spot;
  spot.line = region.begin.line;
  spot.column = region.begin.column;
  if (region.end.line == region.begin.line && region.end.column > region.begin.column) {
    spot.length = region.end.column - region.begin.column;
  }
  return spot;
}

TableReader::TableReader(const toml::table& table, Spot spot, std::string label,
                         Collector& problems)
    : table_(table), spot_(spot), label_(std::move(label)), problems_(problems) {}

const toml::node* TableReader::find(std::string_view key) {
  known_.emplace_back(key);
  return table_.get(key);
}

bool TableReader::has(std::string_view key) {
  return table_.contains(key);
}

Spot TableReader::key_spot(std::string_view key) const {
  const auto found = table_.find(key);
  return found == table_.end() ? spot_ : spot_of(found->first.source());
}

void TableReader::wrong_type(const toml::node& node, std::string_view key, std::string_view wanted,
                             std::string_view example) {
  problems_.add(spot_of(node.source()),
                fmt::format("'{}' in {} is {}, not {}", key, label_, type_word(node), wanted),
                fmt::format("like {}", example));
}

std::optional<Located<std::string>> TableReader::text(std::string_view key) {
  const toml::node* node = find(key);
  if (node == nullptr) {
    return std::nullopt;
  }
  if (!node->is_string()) {
    wrong_type(*node, key, "a string", fmt::format("{} = \"…\"", key));
    return std::nullopt;
  }
  return Located<std::string>{node->as_string()->get(), spot_of(node->source())};
}

std::optional<Located<std::string>> TableReader::checked(
    std::string_view key, const std::function<std::optional<Refusal>(std::string_view)>& check) {
  auto found = text(key);
  if (!found) {
    return std::nullopt;
  }
  if (auto refusal = check(found->value)) {
    problems_.add(found->spot, std::move(refusal->message), std::move(refusal->cure));
    return std::nullopt;
  }
  return found;
}

std::optional<Located<std::int64_t>> TableReader::integer(std::string_view key, std::int64_t lowest,
                                                          std::int64_t highest) {
  const toml::node* node = find(key);
  if (node == nullptr) {
    return std::nullopt;
  }
  if (!node->is_integer()) {
    problems_.add(spot_of(node->source()),
                  fmt::format("'{}' in {} is {}, not an integer", key, label_, type_word(*node)),
                  "digits alone, without quotes");
    return std::nullopt;
  }
  const std::int64_t value = node->as_integer()->get();
  if (value < lowest || value > highest) {
    problems_.add(spot_of(node->source()),
                  fmt::format("'{} = {}' in {} is out of range", key, value, label_),
                  fmt::format("an integer from {} to {}", lowest, highest));
    return std::nullopt;
  }
  return Located<std::int64_t>{value, spot_of(node->source())};
}

std::optional<Located<bool>> TableReader::flag(std::string_view key) {
  const toml::node* node = find(key);
  if (node == nullptr) {
    return std::nullopt;
  }
  if (!node->is_boolean()) {
    wrong_type(*node, key, "true or false", fmt::format("{} = true", key));
    return std::nullopt;
  }
  return Located<bool>{node->as_boolean()->get(), spot_of(node->source())};
}

std::optional<Located<double>> TableReader::number(std::string_view key, double lowest,
                                                   double highest) {
  const toml::node* node = find(key);
  if (node == nullptr) {
    return std::nullopt;
  }
  if (!node->is_number()) {
    problems_.add(spot_of(node->source()),
                  fmt::format("'{}' in {} is {}, not a number", key, label_, type_word(*node)),
                  "digits alone, without quotes");
    return std::nullopt;
  }
  const double value = *node->value<double>();
  if (!(value >= lowest && value <= highest)) {  // also refuses nan
    problems_.add(spot_of(node->source()),
                  fmt::format("'{} = {}' in {} is out of range", key, value, label_),
                  fmt::format("a number from {} to {}", lowest, highest));
    return std::nullopt;
  }
  return Located<double>{value, spot_of(node->source())};
}

std::optional<std::vector<Located<std::string>>> TableReader::texts(std::string_view key,
                                                                    Lone lone) {
  const toml::node* node = find(key);
  if (node == nullptr) {
    return std::nullopt;
  }
  if (node->is_string() && lone == Lone::allowed) {
    return std::vector{Located<std::string>{node->as_string()->get(), spot_of(node->source())}};
  }
  if (!node->is_array()) {
    wrong_type(*node, key,
               lone == Lone::allowed ? "a string or an array of strings" : "an array of strings",
               fmt::format("{} = [\"…\", \"…\"]", key));
    return std::nullopt;
  }
  std::vector<Located<std::string>> values;
  for (const toml::node& element : *node->as_array()) {
    if (!element.is_string()) {
      problems_.add(spot_of(element.source()),
                    fmt::format("'{}' in {} holds {} where a string belongs", key, label_,
                                type_word(element)),
                    "text in quotes");
      return std::nullopt;
    }
    values.push_back({element.as_string()->get(), spot_of(element.source())});
  }
  return values;
}

const toml::table* TableReader::table(std::string_view key, std::string_view shape) {
  const toml::node* node = find(key);
  if (node == nullptr) {
    return nullptr;
  }
  if (!node->is_table()) {
    problems_.add(key_spot(key), fmt::format("'{}' is {}, not a table", key, type_word(*node)),
                  fmt::format("write it as {}", shape));
    return nullptr;
  }
  return node->as_table();
}

std::vector<std::pair<const toml::table*, Spot>> TableReader::tables(std::string_view key) {
  const toml::node* node = find(key);
  std::vector<std::pair<const toml::table*, Spot>> found;
  if (node == nullptr) {
    return found;
  }
  const std::string cure = fmt::format("write each one as [[{}]]", key);
  if (!node->is_array()) {
    problems_.add(key_spot(key),
                  fmt::format("'{}' is {}, not an array of tables", key, type_word(*node)), cure);
    return found;
  }
  for (const toml::node& element : *node->as_array()) {
    if (element.is_table()) {
      found.emplace_back(element.as_table(), spot_of(element.source()));
    } else {
      problems_.add(spot_of(element.source()),
                    fmt::format("'{}' holds {}, not a table", key, type_word(element)), cure);
    }
  }
  return found;
}

void TableReader::missing(std::string_view key, std::string_view example) {
  problems_.add(spot_, fmt::format("{} has no '{}'", label_, key),
                fmt::format("add it, like {}", example));
}

void TableReader::refuse_unknown_keys() {
  for (const Entry& entry : entries_in_order(table_)) {
    if (std::find(known_.begin(), known_.end(), entry.name) == known_.end()) {
      problems_.add(entry.spot, fmt::format("unknown key {} in {}", quoted(entry.name), label_),
                    problems_.suggest(entry.name, known_));
    }
  }
}

std::vector<Entry> entries_in_order(const toml::table& table) {
  std::vector<Entry> entries;
  for (const auto& [key, node] : table) {
    entries.push_back({std::string(key.str()), spot_of(key.source()), &node});
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& left, const Entry& right) {
    return std::tie(left.spot.line, left.spot.column) <
           std::tie(right.spot.line, right.spot.column);
  });
  return entries;
}

}  // namespace bringup::model
