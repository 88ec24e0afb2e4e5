#include "diagnose.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "bringup/util/text.hpp"
#include "bringup/verify/diagnoses.hpp"
#include "cable.hpp"
#include "observe.hpp"

namespace bringup::verify {
namespace {

// One end of a link with all that is known about it. `facts` is never null.
struct End {
  const model::Fleet& fleet;
  const model::Link& link;
  std::size_t index;  // of the link
  const model::LinkEnd& self;
  const model::LinkEnd& peer;
  const NodeEvidence& evidence;
  const facts::NodeFacts* facts;
  const facts::NodeFacts* peer_facts;  // null when not known

  [[nodiscard]] const std::string& node() const { return fleet.nodes[self.node].name; }
  [[nodiscard]] std::string place() const { return node() + ":" + self.interface; }
  [[nodiscard]] const platform::Interface* interface() const {
    return facts->find_interface(self.interface);
  }
};

Diagnosis blame(const End& end, std::string_view id, const Words& words = {}) {
  return diagnose(id, end.node(), end.self.interface, words);
}

using Layer = std::optional<Diagnosis> (*)(const End&);

std::optional<Diagnosis> bridge_layer(const End& end) {
  const auto* bridge = end.facts->bridge_of(end.self.interface);
  if (bridge == nullptr) return std::nullopt;
  // macOS numbers the bridges of Internet Sharing from 100.
  const bool sharing = bridge->name.size() >= 9 && bridge->name.starts_with("bridge1");
  auto found = blame(end, sharing ? "internet-sharing" : "bridge-member",
                     {{"bridge", printable(bridge->name)}});
  found.layer = "bridge";
  return found;
}

std::optional<Diagnosis> interface_layer(const End& end) {
  const auto* interface = end.interface();
  if (interface == nullptr) {
    std::vector<std::string> names;
    for (const auto& other : end.facts->interfaces) names.push_back(printable(other.name, 32));
    return blame(end, "interface-missing",
                 {{"source", end.fleet.source}, {"interfaces", printable(join(names, ", "), 200)}});
  }
  if (interface->up) return std::nullopt;
  return blame(end, "interface-down");
}

bool no_carrier(const facts::NodeFacts& facts, const model::LinkEnd& end) {
  const auto* interface = facts.find_interface(end.interface);
  return interface != nullptr && interface->active == false;
}

std::optional<Diagnosis> cable_layer(const End& end) {
  if (!no_carrier(*end.facts, end.self)) return std::nullopt;
  std::string ends = fmt::format("{} is down", end.place());
  if (end.peer_facts != nullptr && no_carrier(*end.peer_facts, end.peer)) {
    ends = fmt::format("{} and {}:{} are down", end.place(), end.fleet.nodes[end.peer.node].name,
                       end.peer.interface);
  }
  return blame(end, "cable-no-carrier", {{"ends", ends}});
}

std::optional<Diagnosis> address_layer(const End& end) {
  const model::InterfaceAddress want{end.self.address, end.link.subnet.prefix()};
  if (end.interface() == nullptr) return std::nullopt;
  const auto& have = end.interface()->inet;
  for (const auto& address : have) {
    if (address == want) return std::nullopt;
  }
  const std::string expected = want.to_string();
  for (const auto& other : end.facts->interfaces) {
    if (other.name == end.self.interface) continue;
    for (const auto& address : other.inet) {
      if (address.address != want.address) continue;
      return blame(end, "address-elsewhere",
                   {{"address", address.to_string()},
                    {"other", printable(other.name, 32)},
                    {"expected", expected}});
    }
  }
  std::vector<std::string> seen;
  for (const auto& address : have) seen.push_back(address.to_string());
  const std::string list = have.empty() ? "no IPv4 address" : printable(join(seen, ", "), 200);
  if (end.facts->exo_daemon) {
    return blame(end, "address-exo", {{"have", list}, {"expected", expected}});
  }
  return have.empty() ? blame(end, "address-missing", {{"expected", expected}})
                      : blame(end, "address-wrong", {{"have", list}, {"expected", expected}});
}

std::optional<Diagnosis> route_layer(const End& end) {
  const auto os = os_of(end.evidence);
  const auto route = read_route(end.evidence.frames, end.index, os);
  if (!route.value || *route.value == end.self.interface) return std::nullopt;
  return wrong_route(end.fleet, end.self, end.peer, *route.value, os);
}

}  // namespace

facts::Os os_of(const NodeEvidence& evidence) {
  return evidence.facts == nullptr ? facts::Os::darwin : evidence.facts->os;
}

Diagnosis no_session(const model::Fleet& fleet, std::size_t node, const Error& error) {
  auto found =
      diagnose("ssh-no-session", fleet.nodes[node].name, "", {{"error", printable(error.message)}});
  if (!error.hint.empty()) found.cure = printable(error.hint);
  return found;
}

Diagnosis wrong_route(const model::Fleet& fleet, const model::LinkEnd& from,
                      const model::LinkEnd& to, const std::string& seen, facts::Os os) {
  const std::string peer = to.address.to_string();
  return diagnose(
      seen.empty() ? "route-none" : "route-elsewhere", fleet.nodes[from.node].name, from.interface,
      {{"address", peer},
       {"other", printable(seen, 32)},
       {"command",
        fmt::format("{} {}", os == facts::Os::linux_kernel ? "ip route get" : "route -n get",
                    peer)}});
}

std::optional<Diagnosis> first_broken_layer(const model::Fleet& fleet, std::size_t link,
                                            const std::vector<NodeEvidence>& evidence,
                                            const topology::CableReport& cables) {
  const model::Link& cable = fleet.links[link];
  std::vector<End> ends;
  for (std::size_t side = 0; side < 2; ++side) {
    const auto& self = cable.ends[side];
    const auto& peer = cable.ends[1 - side];
    const auto& known = evidence[self.node];
    if (known.error) return no_session(fleet, self.node, *known.error);
    if (known.facts != nullptr) {
      ends.push_back(
          {fleet, cable, link, self, peer, known, known.facts, evidence[peer.node].facts});
    }
  }
  if (const auto* plug = misplugged(cables, link)) return diagnosis_of(fleet, *plug);
  constexpr std::array<Layer, 5> layers = {bridge_layer, interface_layer, cable_layer,
                                           address_layer, route_layer};
  for (const Layer layer : layers) {
    for (const End& end : ends) {
      if (auto found = layer(end)) return found;
    }
  }
  return std::nullopt;
}

std::optional<Diagnosis> broken_layer(const model::Fleet& fleet, std::size_t link,
                                      const model::LinkEnd& end, std::string_view layer,
                                      const std::vector<NodeEvidence>& evidence) {
  const model::Link& cable = fleet.links[link];
  const auto& peer = cable.ends[&end == &cable.ends[0] ? 1 : 0];
  const NodeEvidence& own = evidence[end.node];
  const End all{fleet, cable, link, end, peer, own, own.facts, evidence[peer.node].facts};
  if (layer == "bridge") return bridge_layer(all);
  if (layer == "interface") return interface_layer(all);
  if (layer == "cable") return cable_layer(all);
  if (layer == "address") return address_layer(all);
  return std::nullopt;
}

}  // namespace bringup::verify
