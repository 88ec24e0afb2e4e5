#include "bringup/model/inventory.hpp"

#include <fmt/format.h>

#include <toml++/toml.h>
#include <algorithm>

#include "bringup/util/text.hpp"
#include "reader.hpp"

namespace bringup::model {
namespace {

constexpr std::size_t most_bytes = std::size_t{1} << 20U;
// toml++ walks and frees nested tables by recursion, and "a.a.a.a" makes one table a dot. No key of
// ours is deeper than three.
constexpr std::size_t most_dots = 64;

// The spot of a key with too many dots, if there is one. Values and comments are counted like keys:
// a row of dots ("....") counts as one, and nothing that an inventory needs has 64 of them.
std::optional<Spot> too_deep(std::string_view text) {
  std::size_t line = 1;
  std::size_t column = 0;
  std::size_t dots = 0;
  char previous = ' ';
  for (const char c : text) {
    if (c == '\n') {
      ++line;
      column = 0;
      dots = 0;
      previous = ' ';
      continue;
    }
    column += (static_cast<unsigned char>(c) & 0xC0U) == 0x80U ? 0U : 1U;
    if (c == ' ' || c == '\t' || c == '\r') {
      continue;
    }
    if (c == '.' && previous != '.' && ++dots > most_dots) {
      return Spot{line, column, 1, nullptr};
    }
    if (std::string_view("=,{}[]").find(c) != std::string_view::npos) {
      dots = 0;
    }
    previous = c;
  }
  return std::nullopt;
}

// What to do about an error that the TOML parser itself found.
std::string syntax_cure(std::string_view description) {
  const auto says = [&](std::string_view part) {
    return description.find(part) != std::string_view::npos;
  };
  if (says("cannot redefine")) {
    return "each name once: remove or rename the second one";
  }
  if (says("utf-8")) {
    return "save the file as UTF-8";
  }
  if (says("control characters") || says("string")) {
    return "a string starts and ends with \" on one line";
  }
  if (says("could not determine value type")) {
    return "put text in quotes: key = \"text\"";
  }
  if (says("expected value")) {
    return "write a value after the '='";
  }
  if (says("table header")) {
    return "a table starts with [name], an element of a list of tables with [[name]]";
  }
  if (says("leading zero")) {
    return "write the number without leading zeros";
  }
  return "one 'key = value' a line; text in quotes";
}

std::optional<toml::table> parse(std::string_view text, const std::string& file,
                                 Collector& problems) {
  if (text.size() > most_bytes) {
    problems.add(Spot{1, 1, 1, nullptr},
                 fmt::format("the inventory has {} bytes, more than 1 MiB", text.size()),
                 "is this the right file? A fleet of a thousand nodes needs a tenth of that");
    return std::nullopt;
  }
  if (const auto spot = too_deep(text)) {
    problems.add(*spot, "more than 64 dots in one key", "no key is deeper than nodes.NAME.key");
    return std::nullopt;
  }
  try {
    return toml::parse(text, file);
  } catch (const toml::parse_error& error) {
    const std::string_view description = error.description();
    Spot spot = spot_of(error.source());
    spot.line = std::max<std::size_t>(spot.line, 1);
    spot.column = std::max<std::size_t>(spot.column, 1);
    problems.add(spot, "TOML: " + printable(description), syntax_cure(description));
    return std::nullopt;
  }
}

}  // namespace

Checked<Fleet> load_inventory(std::string_view text, const std::string& file) {
  Collector problems(text.substr(0, most_bytes), file);
  const std::optional<toml::table> document = parse(text, file, problems);
  if (!document) {
    return tl::unexpected(problems.take());
  }
  Declared declared;
  declared.source = file;
  TableReader root(*document, Spot{1, 1, 1, nullptr}, "the inventory", problems);
  read_fleet(root, declared, problems);
  read_hosts(root, declared, problems);
  read_links(root, declared, problems);
  read_segments(root, declared, problems);
  root.refuse_unknown_keys();
  Fleet fleet = resolve(declared, problems);
  if (!problems.empty()) {
    return tl::unexpected(problems.take());
  }
  return fleet;
}

}  // namespace bringup::model
