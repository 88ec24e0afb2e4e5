#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "bringup/util/shell.hpp"
#include "bringup/util/text.hpp"
#include "bringup/verify/diagnoses.hpp"
#include "reach_walk.hpp"

namespace bringup::verify {
namespace {

// Whoever set the interface up must leave its default route out.
std::string default_route_cure(const facts::NodeFacts& facts, const std::string& interface) {
  if (facts.os != facts::Os::linux_kernel) {
    return fmt::format("sudo route -n delete -ifscope {} default", interface);
  }
  const auto owner = std::find_if(facts.owners.begin(), facts.owners.end(),
                                  [&](const auto& one) { return one.interface == interface; });
  if (owner != facts.owners.end() && owner->manager == platform::Manager::network_manager &&
      !owner->profile.empty()) {
    const std::string profile = shell_quote(printable(owner->profile, 100));
    return fmt::format("sudo nmcli con mod {} ipv4.never-default yes; sudo nmcli con up {}",
                       profile, profile);
  }
  return fmt::format("sudo ip route del default dev {}", interface);
}

struct OwnPlace {
  std::string interface, network;
  bool segment = false;
};

std::vector<OwnPlace> places_of(const model::Fleet& fleet, std::size_t node) {
  std::vector<OwnPlace> all;
  for (const std::size_t index : fleet.links_of(node)) {
    const auto& link = fleet.links[index];
    if (is_thunderbolt(link.kind)) continue;  // the row "default-route" is theirs
    for (const auto& end : link.ends) {
      if (end.node == node) all.push_back({end.interface, fleet.link_name(link), false});
    }
  }
  for (const std::size_t index : fleet.segments_of(node)) {
    for (const auto& member : fleet.segments[index].members) {
      if (member.node == node) {
        all.push_back({member.interface, "segment " + fleet.segments[index].name, true});
      }
    }
  }
  return all;
}

bool in_fleet(const model::Fleet& fleet, const std::string& gateway) {
  const auto address = model::Ipv4::parse(gateway);
  if (!address) return false;
  for (std::size_t node = 0; node < fleet.nodes.size(); ++node) {
    for (const auto& own : topology::addresses_of(fleet, node)) {
      if (own.address.address == *address) return true;
    }
  }
  return false;
}

}  // namespace

// A segment may well be the network in which the node's router stands: then the session comes in
// there, too, and the gateway is nobody of the fleet.
std::vector<Diagnosis> taken_default_routes(const model::Fleet& fleet, std::size_t node,
                                            const facts::NodeFacts& facts) {
  std::vector<Diagnosis> found;
  const auto places = places_of(fleet, node);
  std::set<std::string> told;
  for (const auto& route : facts.routes) {
    if (route.destination.prefix() != 0) continue;
    const auto place = std::find_if(places.begin(), places.end(), [&](const OwnPlace& one) {
      return one.interface == route.interface;
    });
    if (place == places.end()) continue;
    const bool outside =
        !facts.session_interface.empty() && facts.session_interface != route.interface;
    if (place->segment && !outside && !in_fleet(fleet, route.gateway)) continue;
    if (!told.insert(route.interface).second) continue;
    found.push_back(diagnose(
        "default-route-taken", fleet.nodes[node].name, place->interface,
        {{"network", place->network}, {"command", default_route_cure(facts, place->interface)}}));
  }
  return found;
}

std::vector<Diagnosis> bridged_segments(const model::Fleet& fleet,
                                        const std::vector<NodeEvidence>& evidence) {
  std::vector<Diagnosis> found;
  for (const auto& segment : fleet.segments) {
    for (const auto& member : segment.members) {
      const auto* facts = evidence[member.node].facts;
      const bool mac = facts == nullptr || facts->os == facts::Os::darwin;
      if (!mac || !member.interface.starts_with("bridge")) continue;
      found.push_back(diagnose("segment-bridge", fleet.nodes[member.node].name, member.interface,
                               {{"segment", segment.name}, {"source", fleet.source}}));
      break;
    }
  }
  return found;
}

}  // namespace bringup::verify
