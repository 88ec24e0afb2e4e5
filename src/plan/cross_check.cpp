#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "bringup/plan/commands.hpp"
#include "bringup/plan/plan.hpp"
#include "bringup/topology/routes.hpp"
#include "bringup/util/text.hpp"

namespace bringup::plan {
namespace {

using facts::NodeFacts;

// 0/0 is every node's default route; a VPN that takes all traffic splits it into two halves.
constexpr int kDefaultRoutePrefix = 1;

struct Clash {
  std::string seen;
  std::string cure;
};

// A link or a segment, and this node's place in it.
struct Part {
  model::Subnet subnet;
  std::string what;  // "the link a:en3 - b:en3", "segment edge"
  struct Own {
    std::string interface;
    model::Ipv4 address;
  };
  std::optional<Own> own;  // unset: it has none
};

std::vector<Part> parts_of(const model::Fleet& fleet, std::size_t node) {
  std::vector<Part> out;
  for (const auto& link : fleet.links) {
    Part part{link.subnet, "the link " + fleet.link_name(link), std::nullopt};
    for (const auto& end : link.ends) {
      if (end.node == node) part.own = Part::Own{end.interface, end.address};
    }
    out.push_back(std::move(part));
  }
  for (const auto& segment : fleet.segments) {
    Part part{segment.subnet, "segment " + segment.name, std::nullopt};
    for (const auto& member : segment.members) {
      if (member.node == node) part.own = Part::Own{member.interface, member.address};
    }
    out.push_back(std::move(part));
  }
  return out;
}

// By a next hop that the fleet declares: one of its own routes.
bool is_ours(const model::Fleet& fleet, const platform::Route& route) {
  const auto gateway = model::Ipv4::parse(route.gateway);
  if (!gateway) return false;
  for (std::size_t node = 0; node < fleet.nodes.size(); ++node) {
    for (const auto& own : topology::addresses_of(fleet, node)) {
      if (own.address.address == *gateway) return true;
    }
  }
  return false;
}

// An address or a route of this node that covers part of the subnet. What stands on the node's own
// interface is the link or segment itself, and a host route to our own address is how a system
// reaches itself, whatever interface it names.
std::optional<Clash> find_clash(const model::Fleet& fleet, const std::string& node,
                                const NodeFacts& facts, const Part& part) {
  const Part::Own* own = part.own ? &*part.own : nullptr;
  for (const auto& interface : facts.interfaces) {
    if (own != nullptr && interface.name == own->interface) continue;
    for (const auto& inet : interface.inet) {
      if (!inet.subnet().overlaps(part.subnet)) continue;
      const std::string name = printable(interface.name, 40);
      return Clash{fmt::format("{} already holds {} on {}, which overlaps {}", node,
                               inet.to_string(), name, part.subnet.to_string()),
                   fmt::format("give the link another subnet (address_pool or subnet), or free it: "
                               "sudo {}",
                               remove_command(name, inet.address))};
    }
  }
  for (const auto& route : facts.routes) {
    if (route.destination.prefix() <= kDefaultRoutePrefix) continue;
    if (!route.destination.overlaps(part.subnet) || is_ours(fleet, route)) continue;
    if (own != nullptr && route.interface == own->interface) continue;
    if (own != nullptr && route.destination.prefix() == 32 &&
        route.destination.network() == own->address) {
      continue;
    }
    return Clash{
        fmt::format("{} already routes {} through {}{}, which overlaps {}", node,
                    route.destination.to_string(), printable(route.interface, 40),
                    route.gateway.empty() ? "" : " (gateway " + printable(route.gateway, 60) + ")",
                    part.subnet.to_string()),
        "give the link another subnet (address_pool or subnet in the inventory), outside the LAN, "
        "VPN and Tailscale of every node"};
  }
  return std::nullopt;
}

void check_subnets(const model::Fleet& fleet, const NodeFacts& facts, std::size_t index,
                   NodePlan& node) {
  for (const auto& part : parts_of(fleet, index)) {
    const auto clash = find_clash(fleet, node.node, facts, part);
    if (!clash) continue;
    const bool refuses = part.own.has_value() && node.changes() > 0;
    node.findings.push_back({refuses ? Severity::error : Severity::warning, "address",
                             part.own ? part.own->interface : "", clash->seen,
                             fmt::format("{} used by {} alone", part.subnet.to_string(), part.what),
                             clash->cure});
    if (refuses) node.state = NodeState::refused;
  }
  if (node.state == NodeState::refused) node.actions.clear();
}

std::string system_name(const NodeFacts& facts) {
  return printable(
      fmt::format("{} {} ({})", facts.version.product, facts.version.version, facts.version.build),
      80);
}

// RDMA between Macs is known to need the very same build, a beta's number included. The commonest
// build counts as the right one; of two equally common, the one that comes first in the inventory.
void check_builds(const std::vector<const NodeFacts*>& facts, Plan& plan) {
  std::map<std::string, std::size_t> counts;
  for (const auto* node : facts) {
    if (node != nullptr && node->os == facts::Os::darwin) ++counts[node->version.build];
  }
  counts.erase("");
  if (counts.size() < 2) return;
  std::size_t most = 0;
  std::size_t reference = 0;
  for (std::size_t i = 0; i < facts.size(); ++i) {
    if (facts[i] == nullptr || facts[i]->os != facts::Os::darwin) continue;
    const auto found = counts.find(facts[i]->version.build);
    if (found != counts.end() && found->second > most) {
      most = found->second;
      reference = i;
    }
  }
  for (std::size_t i = 0; i < facts.size() && i < plan.nodes.size(); ++i) {
    if (facts[i] == nullptr || facts[i]->os != facts::Os::darwin) continue;
    if (facts[i]->version.build.empty() ||
        facts[i]->version.build == facts[reference]->version.build) {
      continue;
    }
    plan.nodes[i].findings.push_back(
        {Severity::warning, "os", "",
         fmt::format("{} runs {}, {} runs {}", plan.nodes[i].node, system_name(*facts[i]),
                     plan.nodes[reference].node, system_name(*facts[reference])),
         "the same macOS build on every node",
         "bring all nodes to the same build (Software Update); RDMA may fail between builds"});
  }
}

}  // namespace

void cross_check(const model::Fleet& fleet, const std::vector<const NodeFacts*>& facts,
                 Plan& plan) {
  for (auto& node : plan.nodes) {
    const auto index = fleet.node_index(node.node);
    if (!index || *index >= facts.size() || facts[*index] == nullptr) continue;
    if (node.state != NodeState::ready) continue;
    check_subnets(fleet, *facts[*index], *index, node);
  }
  std::vector<const NodeFacts*> by_plan;
  for (const auto& node : plan.nodes) {
    const auto index = fleet.node_index(node.node);
    by_plan.push_back(index && *index < facts.size() ? facts[*index] : nullptr);
  }
  check_builds(by_plan, plan);
}

}  // namespace bringup::plan
