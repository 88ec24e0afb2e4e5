// Any text either loads into a fleet that holds together or is refused with something to show.
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "bringup/model/canonical.hpp"
#include "bringup/model/inventory.hpp"

namespace {

using bringup::model::Fleet;

void demand(bool holds, std::string_view what) {
  if (!holds) {
    std::cerr << "broken: " << what << '\n';
    std::abort();
  }
}

void check_hosts(const Fleet& fleet) {
  std::set<std::string> names;
  std::set<std::size_t> ranks;
  for (const auto& proxy : fleet.proxies) {
    demand(names.insert(proxy.name).second, "names are unique");
  }
  for (const auto& node : fleet.nodes) {
    demand(names.insert(node.name).second, "names are unique");
    demand(node.rank < fleet.nodes.size() && ranks.insert(node.rank).second, "ranks are 0..n-1");
    demand(!node.ssh.host.empty() && node.ssh.host.front() != '-', "hosts are not options");
    for (const auto& hop : node.via) {
      demand(hop != node.name, "no node is its own proxy");
      demand(fleet.find_node(hop) != nullptr || fleet.find_proxy(hop) != nullptr, "hops exist");
    }
  }
  demand(fleet.by_rank().size() == fleet.nodes.size(), "every node has a rank");
}

void check_links(const Fleet& fleet) {
  std::set<bringup::model::Ipv4> addresses;
  std::set<std::pair<std::size_t, std::string>> interfaces;
  std::set<std::pair<std::size_t, std::string>> devices;
  for (const auto& link : fleet.links) {
    demand(link.ends[0].node != link.ends[1].node, "links join two nodes");
    demand(link.subnet.size() >= 4, "two hosts fit");
    for (const auto& end : link.ends) {
      demand(end.node < fleet.nodes.size(), "ends are nodes");
      demand(interfaces.emplace(end.node, end.interface).second, "interfaces are used once");
      demand(!link.rdma || devices.emplace(end.node, end.rdma_device).second, "devices serve once");
      demand(addresses.insert(end.address).second, "addresses are unique");
      demand(link.subnet.contains(end.address) && end.address != link.subnet.network() &&
                 end.address != link.subnet.broadcast(),
             "addresses are hosts of their subnet");
    }
    for (const auto& other : fleet.links) {
      demand(&other == &link || !other.subnet.overlaps(link.subnet), "subnets are apart");
    }
  }
  for (const auto& segment : fleet.segments) {
    for (const auto& member : segment.members) {
      demand(interfaces.emplace(member.node, member.interface).second, "interfaces are used once");
      demand(addresses.insert(member.address).second, "addresses are unique");
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto fleet = bringup::model::load_inventory(text, "fuzz.toml");
  if (!fleet) {
    demand(!fleet.error().items.empty(), "a refusal says something");
    for (const auto& problem : fleet.error().items) {
      demand(problem.where.line > 0 && problem.where.column > 0, "problems have positions");
      demand(!problem.message.empty() && !problem.cure.empty(), "problems have cures");
    }
    const std::string shown = render(fleet.error());
    for (const char c : shown) {
      demand(c == '\n' || static_cast<unsigned char>(c) >= 0x20, "nothing raw is shown");
    }
    return 0;
  }
  check_hosts(*fleet);
  check_links(*fleet);
  demand(!canonical(*fleet).empty(), "there is a canonical text");
  return 0;
}
