// What follows from a check of cables: its words, and the inventory that would fit.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "bringup/topology/cable_check.hpp"

namespace bringup::topology {

std::string_view to_string(CableFault fault) {
  switch (fault) {
    case CableFault::missing:
      return "missing";
    case CableFault::all_empty:
      return "all-empty";
    case CableFault::wrong_peer:
      return "wrong-peer";
    case CableFault::wrong_port:
      return "wrong-port";
    case CableFault::swapped:
      return "swapped";
    case CableFault::one_sided:
      return "one-sided";
    case CableFault::dock:
      return "dock";
    case CableFault::slow:
      return "slow";
    case CableFault::hardware:
      return "hardware";
    case CableFault::ethernet_port:
      return "ethernet-port";
    case CableFault::extra:
      return "extra";
    case CableFault::stranger:
      return "stranger";
  }
  return "unknown";
}

const CableFinding* CableReport::worst_of(std::size_t link) const {
  const CableFinding* worst = nullptr;
  for (const auto& finding : findings) {
    if (std::find(finding.links.begin(), finding.links.end(), link) == finding.links.end()) {
      continue;
    }
    if (worst == nullptr || finding.severity > worst->severity) worst = &finding;
  }
  return worst;
}

const CableFinding* CableReport::miswired(std::size_t link) const {
  return link < links.size() && links[link] == CableState::wrong ? worst_of(link) : nullptr;
}

std::vector<LinkEnds> adopted_ends(const model::Fleet& fleet, const CableReport& report) {
  std::set<const Cable*> taken;
  for (std::size_t i = 0; i < fleet.links.size(); ++i) {
    if (report.links[i] != CableState::right) continue;
    const auto& end = fleet.links[i].ends[0];
    taken.insert(report.cabling.cable_at(end.node, end.interface));
  }
  enum class Rule { same_nodes, end_a, end_b };
  const auto fits = [](const Cable& cable, const model::Link& link, Rule rule) {
    const auto& [a, b] = link.ends;
    const bool same = cable.ends[0].node == std::min(a.node, b.node) &&
                      cable.ends[1].node == std::max(a.node, b.node);
    switch (rule) {
      case Rule::same_nodes:
        return same;
      case Rule::end_a:
        return cable.end_at(a.node, a.interface) != nullptr;
      case Rule::end_b:
        return cable.end_at(b.node, b.interface) != nullptr;
    }
    return false;
  };
  std::vector<LinkEnds> out;
  std::set<std::size_t> done;
  for (const Rule rule : {Rule::same_nodes, Rule::end_a, Rule::end_b}) {
    for (std::size_t i = 0; i < fleet.links.size(); ++i) {
      if (report.links[i] != CableState::wrong || done.contains(i)) continue;
      const auto& link = fleet.links[i];
      for (const auto& cable : report.cabling.cables) {
        const auto& [x, y] = cable.ends;
        if (taken.contains(&cable) || x.node == y.node) continue;
        if (x.interface.empty() || y.interface.empty() || !fits(cable, link, rule)) continue;
        // The end that stays where it was stays first or second, too.
        bool turned = rule == Rule::same_nodes
                          ? link.ends[0].node == y.node
                          : cable.end_at(link.ends[0].node, link.ends[0].interface) == &y;
        if (rule == Rule::end_b) {
          turned = cable.end_at(link.ends[1].node, link.ends[1].interface) == &x;
        }
        out.push_back({i, {turned ? y : x, turned ? x : y}});
        taken.insert(&cable);
        done.insert(i);
        break;
      }
    }
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.link < b.link; });
  return out;
}

std::string place(const std::vector<std::string>& names, const PortName& port) {
  const std::string interface = port.interface.empty() ? "?" : port.interface;
  if (port.receptacle.empty()) return fmt::format("{}:{}", names[port.node], interface);
  return fmt::format("{}:{} (Thunderbolt {})", names[port.node], interface, port.receptacle);
}

}  // namespace bringup::topology
