#pragma once
// Three Macs on a fabric, two of which lead to edges of Linux nodes, as inventories write it.
#include <stdexcept>
#include <string>

#include "bringup/model/inventory.hpp"

namespace bringup::test {

inline const std::string kEdge50 = R"(
[[segments]]
name = "edge50"
subnet = "192.168.50.0/24"
kind = "ethernet-1g"
members = { mini1 = "en8=192.168.50.1", pi5 = "eth0=192.168.50.2" }
gateway = "mini1"
routes_to = ["fabric"]
)";

inline const std::string kHybrid = R"(
[fleet]
name = "hybrid"
[nodes.mini1]
[nodes.mini2]
[nodes.mini3]
[nodes.pi5]
[nodes.pi4]
[nodes.jetson]

[[segments]]
name = "fabric"
subnet = "10.10.0.0/24"
members = { mini1 = "bridge0=10.10.0.1", mini2 = "bridge0=10.10.0.2", mini3 = "bridge0=10.10.0.3" }
)" + kEdge50 + R"(
[[segments]]
name = "edge51"
subnet = "192.168.51.0/24"
kind = "ethernet-1g"
members = { mini3 = "en8=192.168.51.1", pi4 = "eth0=192.168.51.4", jetson = "eth0=192.168.51.5" }
gateway = "mini3"
routes_to = ["fabric"]

[[expect]]
from = "pi5"
to = "pi4"
reachable = false

[[expect]]
from = "pi5"
to = "8.8.8.8"
via = "wlan0"
)";

inline model::Fleet fleet_from(const std::string& text) {
  auto fleet = model::load_inventory(text, "fleet.toml");
  if (!fleet) throw std::runtime_error(model::render(fleet.error()));
  return std::move(*fleet);
}

inline model::Fleet hybrid_fleet() {
  return fleet_from(kHybrid);
}

// Two of its Macs and one of its edges: mini1, mini3 on the fabric, and pi5 behind mini1.
inline model::Fleet one_edge_fleet() {
  return fleet_from(R"(
[nodes.mini1]
[nodes.mini3]
[nodes.pi5]

[[segments]]
name = "fabric"
subnet = "10.10.0.0/24"
members = { mini1 = "bridge0=10.10.0.1", mini3 = "bridge0=10.10.0.3" }
)" + kEdge50);
}

}  // namespace bringup::test
