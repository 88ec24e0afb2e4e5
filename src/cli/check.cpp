#include <nlohmann/json.hpp>

#include "bringup/cli/session.hpp"
#include "bringup/topology/ibv_matrix.hpp"
#include "bringup/util/table.hpp"

namespace bringup::cli {
namespace {

std::string json(const model::Fleet& fleet) {
  nlohmann::ordered_json document{{"schema", "bringup.check/1"}, {"fleet", fleet.name}};
  document["nodes"] = nlohmann::ordered_json::array();
  for (const std::size_t index : fleet.by_rank()) {
    const model::Node& node = fleet.nodes[index];
    document["nodes"].push_back({{"name", node.name}, {"rank", node.rank}, {"via", node.via}});
  }
  document["links"] = nlohmann::ordered_json::array();
  for (const model::Link& link : fleet.links) {
    nlohmann::ordered_json ends = nlohmann::ordered_json::array();
    for (const model::LinkEnd& end : link.ends) {
      ends.push_back({{"node", fleet.nodes[end.node].name},
                      {"interface", end.interface},
                      {"address", end.address.to_string()}});
    }
    document["links"].push_back({{"kind", model::to_string(link.kind)},
                                 {"subnet", link.subnet.to_string()},
                                 {"ends", std::move(ends)}});
  }
  return document.dump(2) + "\n";
}

}  // namespace

int check_verb(const Options& options) {
  const model::Fleet fleet = load_fleet(options);
  selection(options, fleet);
  if (auto matrix = topology::ibv_matrix(fleet); !matrix) {
    throw Exit{2, fleet.source + ": " + matrix.error().message +
                      "\n  cure: " + matrix.error().hint + "\n"};
  }
  if (options.format != Format::text) {
    write_result(options, json(fleet));
    return 0;
  }
  std::string text = fleet.name + ": " + std::to_string(fleet.nodes.size()) + " nodes, " +
                     std::to_string(fleet.links.size()) + " links; the inventory is sound\n";
  Table table;
  for (const model::Link& link : fleet.links) {
    std::vector<std::string> row{std::string(model::to_string(link.kind))};
    for (const model::LinkEnd& end : link.ends) {
      row.push_back(fleet.nodes[end.node].name + ":" + end.interface);
      row.push_back(end.address.to_string() + "/" + std::to_string(link.subnet.prefix()));
    }
    table.add(std::move(row));
  }
  write_result(options, text + table.render(2));
  return 0;
}

}  // namespace bringup::cli
