#include "reach_walk.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bringup/util/text.hpp"
#include "bringup/verify/diagnoses.hpp"
#include "diagnose.hpp"
#include "judged.hpp"

namespace bringup::verify {
namespace {

std::vector<std::vector<WayPlace>> networks_of(const model::Fleet& fleet) {
  std::vector<std::vector<WayPlace>> all;
  for (const auto& link : fleet.links) {
    all.emplace_back();
    for (const auto& end : link.ends) {
      all.back().push_back(
          {end.node, end.interface, end.address, link.subnet.prefix(), fleet.link_name(link)});
    }
  }
  for (const auto& segment : fleet.segments) {
    all.emplace_back();
    for (const auto& member : segment.members) {
      all.back().push_back({member.node, member.interface, member.address, segment.subnet.prefix(),
                            "segment " + segment.name});
    }
  }
  return all;
}

// The network in which both are, the second with this address.
std::optional<Stretch> stretch_between(const std::vector<std::vector<WayPlace>>& networks,
                                       std::size_t from, model::Ipv4 address) {
  for (const auto& places : networks) {
    const auto here = std::find_if(places.begin(), places.end(),
                                   [&](const WayPlace& one) { return one.node == from; });
    const auto there = std::find_if(places.begin(), places.end(), [&](const WayPlace& one) {
      return one.node != from && one.address == address;
    });
    if (here != places.end() && there != places.end()) return Stretch{*here, *there, std::nullopt};
  }
  return std::nullopt;
}

bool owns(const model::Fleet& fleet, std::size_t node, model::Ipv4 address) {
  const auto own = topology::addresses_of(fleet, node);
  return std::any_of(own.begin(), own.end(),
                     [&](const auto& one) { return one.address.address == address; });
}

std::string via_words(const std::string& gateway, const std::string& interface) {
  return model::Ipv4::parse(gateway)
             ? fmt::format("via {} on {}", gateway, printable(interface, 32))
             : fmt::format("out of {}", printable(interface, 32));
}

class Walk {
 public:
  Walk(const model::Fleet& fleet, const std::vector<NodeEvidence>& evidence, std::size_t from,
       model::Ipv4 address)
      : fleet_(fleet), evidence_(evidence), from_(from), address_(address) {}

  // `sent`: what the first node's route look-up gave; null: none was made.
  std::optional<Diagnosis> first_broken(const ReachReading* sent) {
    for (const Stretch& stretch : way_to(fleet_, from_, address_)) {
      const std::size_t node = stretch.here.node;
      if (evidence_[node].error) return no_session(fleet_, node, *evidence_[node].error);
      if (auto found = place(stretch.here)) return found;
      if (auto found = route(stretch)) return found;
      if (sent != nullptr && node == from_) {
        if (auto found = looked_up(stretch, *sent)) return found;
      }
      if (evidence_[stretch.there.node].error) {
        return no_session(fleet_, stretch.there.node, *evidence_[stretch.there.node].error);
      }
      if (auto found = place(stretch.there)) return found;
      if (auto found = neighbour(stretch)) return found;
      const auto* next = evidence_[stretch.there.node].facts;
      if (stretch.route && !owns(fleet_, stretch.there.node, address_) && next != nullptr &&
          next->forwarding == false) {
        return diagnose("forwarding-off", name(stretch.there.node), "",
                        {{"network", stretch.there.network},
                         {"command", next->os == facts::Os::linux_kernel
                                         ? "sudo sysctl -w net.ipv4.ip_forward=1"
                                         : "sudo sysctl -w net.inet.ip.forwarding=1"}});
      }
    }
    return std::nullopt;
  }

 private:
  [[nodiscard]] const std::string& name(std::size_t node) const { return fleet_.nodes[node].name; }

  // The interface is there and up, with the address.
  [[nodiscard]] std::optional<Diagnosis> place(const WayPlace& at) const {
    const auto* facts = evidence_[at.node].facts;
    if (facts == nullptr || facts->interfaces.empty()) return std::nullopt;
    const auto* interface = facts->find_interface(at.interface);
    if (interface == nullptr) {
      std::vector<std::string> names;
      for (const auto& other : facts->interfaces) names.push_back(printable(other.name, 32));
      return diagnose(
          "interface-missing", name(at.node), at.interface,
          {{"source", fleet_.source}, {"interfaces", printable(join(names, ", "), 200)}});
    }
    if (!interface->up) return diagnose("interface-down", name(at.node), at.interface);
    if (interface->active == false) {
      return diagnose("cable-no-carrier", name(at.node), at.interface,
                      {{"ends", fmt::format("{}:{} is down", name(at.node), at.interface)}});
    }
    const model::InterfaceAddress want{at.address, at.prefix};
    std::vector<std::string> have;
    for (const auto& address : interface->inet) {
      if (address == want) return std::nullopt;
      have.push_back(address.to_string());
    }
    const std::string expected = want.to_string();
    for (const auto& address : interface->inet) {
      if (address.address != want.address) continue;
      return diagnose("wrong-mask", name(at.node), at.interface,
                      {{"have", address.to_string()}, {"expected", expected}});
    }
    for (const auto& other : facts->interfaces) {
      if (other.name == at.interface) continue;
      for (const auto& address : other.inet) {
        if (address.address != want.address) continue;
        return diagnose("address-elsewhere", name(at.node), at.interface,
                        {{"address", address.to_string()},
                         {"other", printable(other.name, 32)},
                         {"expected", expected}});
      }
    }
    return diagnose("segment-address-missing", name(at.node), at.interface,
                    {{"have", have.empty() ? "no IPv4 address" : printable(join(have, ", "), 200)},
                     {"expected", expected},
                     {"network", at.network}});
  }

  // What the table of routes says of the destination.
  [[nodiscard]] std::optional<Diagnosis> route(const Stretch& stretch) const {
    const auto* facts = evidence_[stretch.here.node].facts;
    if (facts == nullptr || facts->routes.empty()) return std::nullopt;
    const platform::Route* best = nullptr;
    bool as_declared = false;
    for (const auto& one : facts->routes) {
      if (!one.destination.contains(address_)) continue;
      if (best != nullptr && one.destination.prefix() < best->destination.prefix()) continue;
      if (best == nullptr || one.destination.prefix() > best->destination.prefix()) {
        as_declared = false;
        best = &one;
      }
      as_declared = as_declared || is_declared(stretch, one);
    }
    if (as_declared) return std::nullopt;
    const bool specific = best != nullptr && best->destination.prefix() > 0;
    if (!stretch.route) {
      if (!specific || best->interface == stretch.here.interface) return std::nullopt;
      return elsewhere(stretch, best->interface);
    }
    if (!specific) return lacks(stretch);
    return wrong(stretch, via_words(best->gateway, best->interface));
  }

  [[nodiscard]] static bool is_declared(const Stretch& stretch, const platform::Route& one) {
    if (one.interface != stretch.here.interface) return false;
    return !stretch.route || one.gateway == stretch.route->via.to_string();
  }

  // What the node answered when it was asked for the very address.
  [[nodiscard]] std::optional<Diagnosis> looked_up(const Stretch& stretch,
                                                   const ReachReading& sent) const {
    if (!sent.route.value) return std::nullopt;
    const std::string& interface = *sent.route.value;
    if (!stretch.route) {
      if (interface == stretch.here.interface) return std::nullopt;
      return elsewhere(stretch, interface);
    }
    if (interface.empty()) return lacks(stretch);
    const bool right_gateway = !sent.via || *sent.via == stretch.route->via;
    if (interface == stretch.here.interface && right_gateway) return std::nullopt;
    return wrong(stretch, via_words(sent.via ? sent.via->to_string() : "", interface));
  }

  [[nodiscard]] Diagnosis elsewhere(const Stretch& stretch, const std::string& interface) const {
    return diagnose(interface.empty() ? "route-none" : "route-elsewhere", name(stretch.here.node),
                    stretch.here.interface,
                    {{"address", address_.to_string()},
                     {"other", printable(interface, 32)},
                     {"command", route_command(os_of(evidence_[stretch.here.node]), address_)}});
  }
  [[nodiscard]] Diagnosis lacks(const Stretch& stretch) const {
    return of_route("route-missing", stretch, "add", {});
  }
  [[nodiscard]] Diagnosis wrong(const Stretch& stretch, const std::string& have) const {
    return of_route("route-wrong", stretch, "change", have);
  }
  [[nodiscard]] Diagnosis of_route(std::string_view id, const Stretch& stretch,
                                   std::string_view verb, const std::string& have) const {
    const auto& needed = *stretch.route;
    const std::string destination = needed.destination.to_string();
    const bool on_linux = os_of(evidence_[stretch.here.node]) == facts::Os::linux_kernel;
    const std::string command =
        on_linux
            ? fmt::format("sudo ip route replace {} via {} dev {}", destination,
                          needed.via.to_string(), needed.interface)
            : fmt::format("sudo route -n {} -net {} {}", verb, destination, needed.via.to_string());
    return diagnose(id, name(stretch.here.node), stretch.here.interface,
                    {{"destination", destination},
                     {"network", needed.destination_name},
                     {"via", needed.via.to_string()},
                     {"have", have},
                     {"command", command}});
  }

  // The next one's MAC.
  [[nodiscard]] std::optional<Diagnosis> neighbour(const Stretch& stretch) const {
    const auto* facts = evidence_[stretch.here.node].facts;
    if (facts == nullptr) return std::nullopt;
    const auto entry =
        std::find_if(facts->neighbours.begin(), facts->neighbours.end(), [&](const auto& one) {
          return one.address == stretch.there.address && one.interface == stretch.here.interface;
        });
    if (entry == facts->neighbours.end()) return std::nullopt;
    const std::string& place = stretch.here.interface;
    const std::string address = stretch.there.address.to_string();
    const std::string peer = name(stretch.there.node) + ":" + stretch.there.interface;
    if (entry->mac.empty()) {
      return diagnose("neighbour-silent", name(stretch.here.node), place,
                      {{"peer", peer}, {"address", address}});
    }
    const auto* next = evidence_[stretch.there.node].facts;
    const auto* interface =
        next == nullptr ? nullptr : next->find_interface(stretch.there.interface);
    if (interface == nullptr || interface->ether.empty() || interface->ether == entry->mac) {
      return std::nullopt;
    }
    const std::string forget = facts->os == facts::Os::linux_kernel
                                   ? fmt::format("sudo ip neigh flush dev {}", place)
                                   : fmt::format("sudo arp -d {}", address);
    const std::string advice =
        entry->mac == declared_mac(stretch)
            ? fmt::format("correct its MAC under `neighbours` in {}, then bringup apply",
                          fleet_.source)
            : fmt::format("`{}` on {}", forget, name(stretch.here.node));
    return diagnose("stale-neighbour", name(stretch.here.node), place,
                    {{"address", address},
                     {"have", printable(entry->mac, 32)},
                     {"mac", printable(interface->ether, 32)},
                     {"peer", peer},
                     {"advice", advice}});
  }

  [[nodiscard]] std::string declared_mac(const Stretch& stretch) const {
    for (const auto& segment : fleet_.segments) {
      for (const auto& member : segment.members) {
        if (member.address == stretch.there.address) return member.mac;
      }
    }
    return {};
  }

  const model::Fleet& fleet_;
  const std::vector<NodeEvidence>& evidence_;
  std::size_t from_;
  model::Ipv4 address_;
};

}  // namespace

std::vector<Stretch> way_to(const model::Fleet& fleet, std::size_t from, model::Ipv4 address) {
  std::vector<Stretch> way;
  const auto networks = networks_of(fleet);
  std::size_t here = from;
  while (way.size() <= fleet.nodes.size() && !owns(fleet, here, address)) {
    if (auto last = stretch_between(networks, here, address)) {
      way.push_back(std::move(*last));
      break;
    }
    const auto routes = topology::routes_of(fleet, here);
    const auto route = std::find_if(routes.begin(), routes.end(), [&](const auto& one) {
      return one.destination.contains(address);
    });
    if (route == routes.end()) break;
    auto stretch = stretch_between(networks, here, route->via);
    if (!stretch) break;
    stretch->route = *route;
    here = stretch->there.node;
    way.push_back(std::move(*stretch));
  }
  return way;
}

std::optional<Diagnosis> first_broken_on_way(const model::Fleet& fleet, const ReachCheck& check,
                                             const std::vector<NodeEvidence>& evidence,
                                             const ReachReading& sent) {
  const auto way = way_to(fleet, check.from, *check.address);
  if (way.empty()) return std::nullopt;
  if (auto found = Walk(fleet, evidence, check.from, *check.address).first_broken(&sent)) {
    return found;
  }
  const model::Ipv4 back = check.source.value_or(way.front().here.address);
  return Walk(fleet, evidence, way.back().there.node, back).first_broken(nullptr);
}

std::optional<Diagnosis> differing_mtus(const model::Fleet& fleet, const ReachCheck& check,
                                        const std::vector<NodeEvidence>& evidence,
                                        std::uint32_t bytes) {
  // 0: not known.
  const auto mtu_at = [&](const WayPlace& place) {
    const auto* facts = evidence[place.node].facts;
    const auto* interface = facts == nullptr ? nullptr : facts->find_interface(place.interface);
    return interface == nullptr ? 0 : interface->mtu;
  };
  for (const Stretch& stretch : way_to(fleet, check.from, *check.address)) {
    const std::uint32_t own = mtu_at(stretch.here);
    const std::uint32_t next = mtu_at(stretch.there);
    if (next == 0 || next >= own || next >= bytes) continue;
    const facts::Os os = os_of(evidence[stretch.here.node]);
    return diagnose("mtu-differs", fleet.nodes[stretch.here.node].name, stretch.here.interface,
                    {{"mtu", std::to_string(own)},
                     {"peer", fleet.nodes[stretch.there.node].name + ":" + stretch.there.interface},
                     {"peer_mtu", std::to_string(next)},
                     {"expected", std::to_string(next)},
                     {"command", mtu_command(os, stretch.here.interface, next)}});
  }
  return std::nullopt;
}

std::string route_command(facts::Os os, model::Ipv4 address) {
  return fmt::format("{} {}", os == facts::Os::linux_kernel ? "ip route get" : "route -n get",
                     address.to_string());
}

}  // namespace bringup::verify
