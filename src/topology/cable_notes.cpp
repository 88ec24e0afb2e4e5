#include "cable_notes.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace bringup::topology {

CableNotes::CableNotes(const model::Fleet& fleet,
                       const std::vector<const facts::NodeFacts*>& facts) {
  for (const auto& node : fleet.nodes) names_.push_back(node.name);
  report_.cabling = pair_cables(names_, facts);
  report_.links.assign(fleet.links.size(), CableState::not_thunderbolt);
}

std::string CableNotes::brief(const PortName& port) const {
  return names_[port.node] + ":" + port.interface;
}

std::string CableNotes::brief(const PortName& a, const PortName& b) const {
  return brief(a) + " - " + brief(b);
}

std::string CableNotes::declared(const Checked& link) const {
  return brief(link.ends[0], link.ends[1]);
}

bool CableNotes::known(std::size_t node) const {
  const auto& ports = cabling().ports[node];
  return ports && std::any_of(ports->begin(), ports->end(),
                              [](const auto& port) { return !port.interface.empty(); });
}

bool CableNotes::known(const PortName& end) const {
  if (!known(end.node)) return false;
  if (cabling().port_at(end.node, end.interface) != nullptr) return true;
  const auto& ports = *cabling().ports[end.node];
  return std::none_of(ports.begin(), ports.end(), [](const auto& port) {
    return port.interface.empty() && !port.receptacle.empty();
  });
}

bool is_named(const Cable& cable) {
  return !cable.ends[0].interface.empty() && !cable.ends[1].interface.empty();
}

bool CableNotes::is_free(const PortName& end) const {
  const auto* port = cabling().port_at(end.node, end.interface);
  return port != nullptr && !port->connected;
}

std::string CableNotes::content(const PortName& end) const {
  if (const auto* cable = cabling().cable_at(end.node, end.interface)) {
    return fmt::format("{} leads to {}", at(end),
                       at(cable->far(*cable->end_at(end.node, end.interface))));
  }
  if (const auto* loose = cabling().loose_at(end.node, end.interface)) {
    return fmt::format("{} leads to a Mac that is not in the inventory ({} {})", at(end),
                       loose->peer.name, loose->peer.model);
  }
  const auto* port = cabling().port_at(end.node, end.interface);
  if (port == nullptr) {
    return known(end.node) ? fmt::format("{} is no Thunderbolt port", brief(end))
                           : fmt::format("{} is not known", brief(end));
  }
  if (!port->devices.empty()) {
    return fmt::format("{} holds {} and no Mac behind it", at(end), port->devices.front());
  }
  return port->connected ? fmt::format("{} holds something that is no Mac", at(end))
                         : fmt::format("{} is empty", at(end));
}

void CableNotes::add(CableFault fault, CableSeverity severity, std::vector<std::size_t> links,
                     const PortName& where, std::string seen, std::string expected,
                     std::string cure) {
  report_.findings.push_back({fault, severity, std::move(links), where.node, where.interface,
                              std::move(seen), std::move(expected), std::move(cure)});
}

}  // namespace bringup::topology
