#pragma once
// What gateways make of a fleet's networks: which node needs which specific route, which nodes
// forward, and who reaches whom only through them. Never a default route.
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "bringup/model/fleet.hpp"

namespace bringup::topology {

struct NeededRoute {
  model::Subnet destination;
  model::Ipv4 via;               // the next node's address in a network that both are in
  std::string interface;         // of this node, into that network
  std::size_t next = 0;          // the node that forwards
  std::string destination_name;  // "segment fabric", or the link's name
};

// Each member of a segment with a gateway gets a route to each network named in its routes_to; the
// nodes of those networks, and the gateways between, get the way back. Sorted by destination; at
// most one for each.
std::vector<NeededRoute> routes_of(const model::Fleet& fleet, std::size_t node);

// Is it a gateway that routes_to asks to forward, or does such a path lead over it?
bool forwards(const model::Fleet& fleet, std::size_t node);

// An ordered pair of nodes that share no network in which `to_address` is, and that the declared
// routes join.
struct RoutedPair {
  std::size_t from = 0;
  std::size_t to = 0;
  model::Ipv4 from_address;  // the source address that `from` has on the way out
  std::string from_interface;
  model::Ipv4 to_address;
  // The nodes that forward, in order; where it is `to` itself that is the gateway, it is not among
  // them: none then.
  std::vector<std::size_t> through;
  std::string segment;  // the segment whose routes_to declares it
};
std::vector<RoutedPair> routed_pairs(const model::Fleet& fleet);

// Every address that the fleet gives to a node, in links and segments, in order of appearance.
struct OwnAddress {
  std::string interface;
  model::InterfaceAddress address;
};
std::vector<OwnAddress> addresses_of(const model::Fleet& fleet, std::size_t node);

// The address at which `from` reaches `to`: in a network that both are in (links before segments),
// else over the declared routes. Nothing when the fleet joins them nowhere.
std::optional<model::Ipv4> address_between(const model::Fleet& fleet, std::size_t from,
                                           std::size_t to);

}  // namespace bringup::topology
