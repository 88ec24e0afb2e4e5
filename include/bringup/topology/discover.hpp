#pragma once
// An inventory made of what the Macs themselves tell: their cables, kinds and oddities.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bringup/facts/node_facts.hpp"

namespace bringup::topology {

// One machine as the user named it.
struct DiscoveredHost {
  std::string name;  // of the node or proxy: letters, digits, _ and -
  std::string host;
  std::string user;  // may be empty
  std::optional<std::uint16_t> port;
  std::vector<std::string> via;             // names, outermost first
  const facts::NodeFacts* facts = nullptr;  // null: not reached, or a proxy
  std::string problem;                      // why it was not reached
};

struct Discovery {
  std::vector<DiscoveredHost> proxies;
  std::vector<DiscoveredHost> hosts;
};

// "user@host:port" with a name of the host's first label, or of the whole address; `taken` grows.
DiscoveredHost host_named(const std::string& word, std::vector<std::string>& taken);
// Hosts given by address get the names that they give themselves.
void name_by_hostname(Discovery& discovery);

// The nodes and how to reach them, without links: what is needed to ask them.
std::string hosts_inventory(const Discovery& discovery);

// The whole inventory: nodes that were reached, ranks in their order, a link for every cable, and a
// comment for whatever is odd. The pool of addresses is one that no node uses or routes.
std::string discovered_inventory(const Discovery& discovery);

// The same as a graph for Graphviz: cables to Macs that were not named are dotted.
std::string discovered_dot(const Discovery& discovery);

}  // namespace bringup::topology
