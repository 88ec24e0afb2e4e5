#include "notes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "bringup/util/text.hpp"
#include "bringup/verify/diagnoses.hpp"
#include "reach_walk.hpp"

namespace bringup::verify {
namespace {

const platform::HardwarePort* port_at(const facts::NodeFacts& facts, const std::string& interface) {
  const auto found = std::find_if(facts.ports.begin(), facts.ports.end(),
                                  [&](const auto& port) { return port.device == interface; });
  return found == facts.ports.end() ? nullptr : &*found;
}

// "Ethernet", "Ethernet Adapter (en3)", "Thunderbolt Ethernet Slot 1", "USB 10/100/1000 LAN",
// "Wi-Fi". A name in another language is no reason.
bool is_network_card(const platform::HardwarePort& port) {
  constexpr std::array<std::string_view, 3> words = {"Ethernet", "LAN", "Wi-Fi"};
  return std::any_of(words.begin(), words.end(),
                     [&](auto word) { return port.name.find(word) != std::string::npos; });
}

void note_ports(const model::Fleet& fleet, std::size_t node, const facts::NodeFacts& facts,
                std::vector<Diagnosis>& notes) {
  const std::string& name = fleet.nodes[node].name;
  for (const std::size_t index : fleet.links_of(node)) {
    const model::Link& link = fleet.links[index];
    if (!is_thunderbolt(link.kind)) continue;
    for (const model::LinkEnd& end : link.ends) {
      if (end.node != node) continue;
      const auto* port = port_at(facts, end.interface);
      if (port == nullptr || !is_network_card(*port)) continue;
      notes.push_back(diagnose("not-thunderbolt", name, end.interface,
                               {{"port", printable(port->name, 60)},
                                {"kind", std::string(model::to_string(link.kind))}}));
    }
  }
}

// A DHCP lease on bridge0 or on a port takes the node's way to the world.
void note_default_route(const model::Fleet& fleet, std::size_t node, const facts::NodeFacts& facts,
                        std::vector<Diagnosis>& notes) {
  for (const auto& route : facts.routes) {
    if (route.destination.prefix() != 0) continue;
    for (const std::size_t index : fleet.links_of(node)) {
      const model::Link& link = fleet.links[index];
      if (!is_thunderbolt(link.kind)) continue;
      for (const model::LinkEnd& end : link.ends) {
        if (end.node != node) continue;
        const auto* bridge = facts.bridge_of(end.interface);
        if (route.interface != end.interface &&
            (bridge == nullptr || bridge->name != route.interface)) {
          continue;
        }
        notes.push_back(diagnose("default-route", fleet.nodes[node].name, end.interface,
                                 {{"other", printable(route.interface, 32)}}));
        return;
      }
    }
  }
}

const facts::NodeFacts* mac_with_build(const NodeEvidence& evidence) {
  const auto* facts = evidence.facts;
  return facts != nullptr && facts->os == facts::Os::darwin && !facts->version.build.empty()
             ? facts
             : nullptr;
}

std::string version_of(const facts::NodeFacts& facts) {
  return printable(fmt::format("{} ({})", facts.version.version, facts.version.build), 60);
}

void note_builds(const model::Fleet& fleet, const std::vector<std::size_t>& selected,
                 const std::vector<NodeEvidence>& evidence, std::vector<Diagnosis>& notes) {
  std::map<std::string, std::size_t> counts;
  for (const std::size_t node : selected) {
    if (const auto* facts = mac_with_build(evidence[node])) ++counts[facts->version.build];
  }
  if (counts.size() < 2) return;
  std::optional<std::size_t> usual;
  for (const std::size_t node : selected) {
    const auto* facts = mac_with_build(evidence[node]);
    if (facts == nullptr) continue;
    if (!usual || counts[facts->version.build] > counts[evidence[*usual].facts->version.build]) {
      usual = node;
    }
  }
  const auto& right = *evidence[*usual].facts;
  for (const std::size_t node : selected) {
    const auto* facts = mac_with_build(evidence[node]);
    if (facts == nullptr || facts->version.build == right.version.build) continue;
    notes.push_back(diagnose("os-differs", fleet.nodes[node].name, "",
                             {{"version", version_of(*facts)},
                              {"peer_node", fleet.nodes[*usual].name},
                              {"peer_version", version_of(right)}}));
  }
}

}  // namespace

std::vector<Diagnosis> node_notes(const model::Fleet& fleet,
                                  const std::vector<std::size_t>& selected,
                                  const std::vector<NodeEvidence>& evidence) {
  std::vector<Diagnosis> notes;
  for (const std::size_t node : selected) {
    if (evidence[node].facts == nullptr) continue;
    note_ports(fleet, node, *evidence[node].facts, notes);
    note_default_route(fleet, node, *evidence[node].facts, notes);
    for (auto& note : taken_default_routes(fleet, node, *evidence[node].facts)) {
      notes.push_back(std::move(note));
    }
  }
  note_builds(fleet, selected, evidence, notes);
  return notes;
}

}  // namespace bringup::verify
