#include <fmt/format.h>

#include <unordered_map>

#include "bringup/model/inventory.hpp"
#include "bringup/util/nodeset.hpp"
#include "bringup/util/text.hpp"

namespace bringup::model {

Expected<std::vector<std::size_t>> select_nodes(const Fleet& fleet, std::string_view limit) {
  NodesetUniverse universe;
  std::unordered_map<std::string, std::size_t> index_of;
  for (const Node& node : fleet.nodes) {
    index_of.emplace(node.name, universe.names.size());
    universe.names.push_back(node.name);
  }
  for (const auto& [group, members] : fleet.groups) {
    std::vector<std::string>& names = universe.groups[group];
    for (const std::size_t member : members) {
      names.push_back(fleet.nodes.at(member).name);
    }
  }
  const auto names = evaluate_nodeset(limit, universe);
  if (!names) {
    return tl::unexpected(names.error());
  }
  if (names->empty()) {
    return fail(ErrorCode::usage, fmt::format("'{}' leaves no node", printable(limit, 80)),
                "known: " + printable(fold_nodeset(universe.names), 200));
  }
  std::vector<std::size_t> indices;
  for (const std::string& name : *names) {
    indices.push_back(index_of.at(name));
  }
  return indices;
}

}  // namespace bringup::model
