#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "bringup/plan/commands.hpp"
#include "bringup/plan/plan.hpp"
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

// An address or a route of this node that covers part of the link's subnet. `own` is the node's end
// of the link (null when it has none): what stands on that interface is the link itself, and a host
// route to our own address is how a system reaches itself, whatever interface it names.
std::optional<Clash> find_clash(const std::string& node, const NodeFacts& facts,
                                const model::Link& link, const model::LinkEnd* own) {
  for (const auto& interface : facts.interfaces) {
    if (own != nullptr && interface.name == own->interface) continue;
    for (const auto& inet : interface.inet) {
      if (!inet.subnet().overlaps(link.subnet)) continue;
      const std::string name = printable(interface.name, 40);
      return Clash{fmt::format("{} already holds {} on {}, which overlaps {}", node,
                               inet.to_string(), name, link.subnet.to_string()),
                   fmt::format("give the link another subnet (address_pool or subnet), or free it: "
                               "sudo {}",
                               remove_command(name, inet.address))};
    }
  }
  for (const auto& route : facts.routes) {
    if (route.destination.prefix() <= kDefaultRoutePrefix) continue;
    if (!route.destination.overlaps(link.subnet)) continue;
    if (own != nullptr && route.interface == own->interface) continue;
    if (own != nullptr && route.destination.prefix() == 32 &&
        route.destination.network() == own->address) {
      continue;
    }
    return Clash{
        fmt::format("{} already routes {} through {}{}, which overlaps {}", node,
                    route.destination.to_string(), printable(route.interface, 40),
                    route.gateway.empty() ? "" : " (gateway " + printable(route.gateway, 60) + ")",
                    link.subnet.to_string()),
        "give the link another subnet (address_pool or subnet in the inventory), outside the LAN, "
        "VPN and Tailscale of every node"};
  }
  return std::nullopt;
}

void check_subnets(const model::Fleet& fleet, const NodeFacts& facts, std::size_t index,
                   NodePlan& node) {
  for (const auto& link : fleet.links) {
    const model::LinkEnd* own = nullptr;
    for (const auto& end : link.ends) {
      if (end.node == index) own = &end;
    }
    const auto clash = find_clash(node.node, facts, link, own);
    if (!clash) continue;
    const bool refuses = own != nullptr && node.changes() > 0;
    node.findings.push_back({refuses ? Severity::error : Severity::warning, "address",
                             own != nullptr ? own->interface : "", clash->seen,
                             fmt::format("{} used by the link {} alone", link.subnet.to_string(),
                                         fleet.link_name(link)),
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
