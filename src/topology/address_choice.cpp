#include "bringup/topology/address_choice.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <tuple>

namespace bringup::topology {
namespace {

using model::Ipv4;
using model::Subnet;

Subnet block(std::uint8_t a, std::uint8_t b, int prefix) {
  return Subnet::containing(Ipv4((std::uint32_t{a} << 24) | (std::uint32_t{b} << 16)), prefix);
}

bool is_loopback(Ipv4 address) {
  return block(127, 0, 8).contains(address);
}
bool is_link_local(Ipv4 address) {
  return block(169, 254, 16).contains(address);
}
bool is_shared(Ipv4 address) {  // RFC 6598, Tailscale's
  return block(100, 64, 10).contains(address);
}
bool is_private(Ipv4 address) {  // RFC 1918
  return block(10, 0, 8).contains(address) || block(172, 16, 12).contains(address) ||
         block(192, 168, 16).contains(address);
}

bool holds(std::string_view text, std::string_view word) {
  return text.find(word) != std::string_view::npos;
}

Medium medium_of(const facts::NodeFacts& facts, const std::string& interface) {
  const std::string_view name = interface;
  for (const platform::Bridge& bridge : facts.bridges) {
    if (bridge.name == name) return Medium::bridge;
  }
  const auto starts = [&](std::string_view stem) { return name.starts_with(stem); };
  if (starts("bridge") || starts("br-")) return Medium::bridge;
  if (starts("utun") || starts("tun") || starts("tailscale") || starts("wg") || starts("ppp")) {
    return Medium::tunnel;
  }
  for (const platform::HardwarePort& port : facts.ports) {
    if (port.device != name) continue;
    if (holds(port.name, "Thunderbolt Bridge")) return Medium::bridge;
    if (holds(port.name, "Wi-Fi")) return Medium::wifi;
    if (holds(port.name, "Ethernet") || holds(port.name, "LAN")) return Medium::ethernet;
    return holds(port.name, "Thunderbolt") ? Medium::thunderbolt : Medium::other;
  }
  if (facts.os != facts::Os::linux_kernel) return Medium::other;
  if (starts("wl")) return Medium::wifi;
  if (starts("thunderbolt")) return Medium::thunderbolt;
  return starts("en") || starts("eth") ? Medium::ethernet : Medium::other;
}

std::string bridge_of(const facts::NodeFacts& facts, const platform::Interface& interface,
                      const Subnet& subnet, Medium medium) {
  if (medium == Medium::bridge) return interface.name;
  if (const platform::Bridge* bridge = facts.bridge_of(interface.name)) return bridge->name;
  for (const platform::Route& route : facts.routes) {
    if (route.destination == subnet && route.interface != interface.name &&
        medium_of(facts, route.interface) == Medium::bridge) {
      return route.interface;
    }
  }
  return {};
}

int place(Medium medium, Purpose purpose) {
  constexpr std::array kRing = {Medium::thunderbolt, Medium::ethernet, Medium::wifi,
                                Medium::other,       Medium::tunnel,   Medium::bridge};
  constexpr std::array kCoordinator = {Medium::ethernet,    Medium::wifi,   Medium::other,
                                       Medium::thunderbolt, Medium::tunnel, Medium::bridge};
  const auto& order = purpose == Purpose::ring ? kRing : kCoordinator;
  return static_cast<int>(std::find(order.begin(), order.end(), medium) - order.begin());
}

int breadth(Ipv4 address) {
  return is_private(address) ? 0 : is_shared(address) ? 1 : 2;
}

int lateness(const AddressCandidate& one) {
  if (is_link_local(one.address)) return 2;
  return one.via_bridge.empty() ? 0 : 1;
}

auto key(const AddressCandidate& one, Purpose purpose) {
  return std::tuple(!one.links_own, lateness(one), place(one.medium, purpose), breadth(one.address),
                    -one.prefix, one.address, one.interface);
}

std::string reason(const AddressCandidate& one) {
  const std::string name = fmt::format("{} on {}: ", one.address.to_string(), one.interface);
  if (one.links_own) return name + "the link's own address";
  if (is_link_local(one.address)) return name + "link-local, which changes at boot: last choice";
  if (!one.via_bridge.empty()) {
    return name +
           (one.via_bridge == one.interface ? "an address of a bridge"
                                            : "an alias routed through " + one.via_bridge) +
           ": late choice";
  }
  const std::string_view kind = breadth(one.address) == 0   ? "private"
                                : breadth(one.address) == 1 ? "100.64/10 (Tailscale)"
                                                            : "public";
  return name + fmt::format("{}, {}", to_string(one.medium), kind);
}

}  // namespace

std::string_view to_string(Medium medium) {
  switch (medium) {
    case Medium::thunderbolt:
      return "Thunderbolt";
    case Medium::ethernet:
      return "Ethernet";
    case Medium::wifi:
      return "Wi-Fi";
    case Medium::tunnel:
      return "tunnel";
    case Medium::bridge:
      return "bridge";
    case Medium::other:
      break;
  }
  return "other";
}

std::vector<AddressCandidate> address_candidates(const facts::NodeFacts& facts,
                                                 const model::LinkEnd* end) {
  std::vector<AddressCandidate> out;
  for (const platform::Interface& interface : facts.interfaces) {
    const Medium medium = medium_of(facts, interface.name);
    for (const model::InterfaceAddress& inet : interface.inet) {
      if (is_loopback(inet.address)) continue;
      AddressCandidate one;
      one.address = inet.address;
      one.prefix = inet.prefix;
      one.interface = interface.name;
      one.medium = medium;
      one.links_own =
          end != nullptr && end->interface == interface.name && end->address == inet.address;
      one.via_bridge = bridge_of(facts, interface, inet.subnet(), medium);
      out.push_back(std::move(one));
    }
  }
  return out;
}

std::vector<RankedAddress> ranked_addresses(std::vector<AddressCandidate> candidates,
                                            Purpose purpose) {
  std::sort(candidates.begin(), candidates.end(),
            [&](const AddressCandidate& a, const AddressCandidate& b) {
              return key(a, purpose) < key(b, purpose);
            });
  std::vector<RankedAddress> out;
  for (AddressCandidate& one : candidates) {
    std::string why = reason(one);
    out.push_back({std::move(one), std::move(why)});
  }
  return out;
}

}  // namespace bringup::topology
