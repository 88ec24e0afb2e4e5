#pragma once
// Which port is cabled to which: each Mac's profiler names the UUID of the domain that it sees at
// the other end, and the other Mac's profiler names its own.
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bringup/facts/node_facts.hpp"
#include "bringup/topology/thunderbolt.hpp"

namespace bringup::topology {

struct PortName {
  std::size_t node = 0;    // index into the nodes that were given
  std::string interface;   // "en3"; empty: its receptacle has no hardware port
  std::string receptacle;  // "2"; may be empty
  bool operator==(const PortName&) const = default;
};

// A cable between two ports of nodes that were given.
struct Cable {
  std::array<PortName, 2> ends;      // the lower node first; on one node the lower receptacle
  double gbps = 0;                   // negotiated, of the slower side; 0: unknown
  std::vector<std::string> through;  // docks, hubs, displays
  std::array<bool, 2> rdma{};        // is RDMA enabled at this end? told by the other one
  std::string one_sided;             // why only one end tells of it; empty: both do
  [[nodiscard]] const PortName* end_at(std::size_t node, std::string_view interface) const;
  [[nodiscard]] const PortName& far(const PortName& end) const;
};

// A cable to a Mac that none of the given profiles belongs to.
struct LooseEnd {
  PortName port;
  ThunderboltPeer peer;
};

struct Cabling {
  std::vector<Cable> cables;  // in the order of their first ends
  std::vector<LooseEnd> loose;
  // By node: its ports; unset where there is no profile.
  std::vector<std::optional<std::vector<ThunderboltPort>>> ports;
  std::vector<std::string> oddities;  // "studio1: two buses say that they are receptacle 2"

  [[nodiscard]] const Cable* cable_at(std::size_t node, std::string_view interface) const;
  [[nodiscard]] const LooseEnd* loose_at(std::size_t node, std::string_view interface) const;
  // Null: no such port, or no profile.
  [[nodiscard]] const ThunderboltPort* port_at(std::size_t node, std::string_view interface) const;
};

// names[i] and facts[i] belong to one node; facts may be null. A domain that two ports claim pairs
// with nothing.
Cabling pair_cables(const std::vector<std::string>& names,
                    const std::vector<const facts::NodeFacts*>& facts);

}  // namespace bringup::topology
