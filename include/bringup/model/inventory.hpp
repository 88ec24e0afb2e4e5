#pragma once
// From text to Fleet, with every refusal the design names, before anything is contacted.
#include <string>
#include <string_view>
#include <vector>

#include "bringup/model/fleet.hpp"
#include "bringup/util/error.hpp"

namespace bringup::model {

// One thing wrong with an inventory.
struct Problem {
  Where where;
  std::size_t length = 1;  // of the offending text, in code points from where.column
  std::string message;     // what is wrong, with the offending text quoted
  std::string cure;        // what to write instead
  std::string line_text;   // the source line; empty for the command line
};

// fleet.toml:12:1: unknown key 'usr' in [nodes.studio1]
//   12 | usr = "admin"
//      | ^~~
//   cure: did you mean 'user'?
// Control characters are escaped, long lines are cut around the offending text; ends in a newline.
// What came from the command line has neither position nor source line.
std::string render(const Problem& problem);

struct Problems {
  std::vector<Problem> items;  // in order of position; never empty
};
std::string render(const Problems& problems);

template <class T>
using Checked = tl::expected<T, Problems>;

// Parses and validates; reports every independent problem, not only the first. `file` is used in
// positions only. Text over 1 MiB is refused.
Checked<Fleet> load_inventory(std::string_view text, const std::string& file);

// The form without a file: --node HOST:IFACE:IP (repeatable), --proxy PROXY:TARGET (repeatable),
// --netmask BITS. Two ends in one subnet are a link; the same HOST twice is one node with two
// interfaces. Links are thunderbolt5.
struct AdhocFlags {
  std::vector<std::string> nodes;
  std::vector<std::string> proxies;
  int netmask = 30;
};
Checked<Fleet> load_adhoc(const AdhocFlags& flags);

// --limit: "studio[1-3],!studio2,@group". Returns indices into fleet.nodes in inventory order.
// Fails (usage) naming unknown nodes and groups, and when nothing is left.
Expected<std::vector<std::size_t>> select_nodes(const Fleet& fleet, std::string_view limit);

}  // namespace bringup::model
