#pragma once
// Along the declared way of a check, node by node: the first thing that is not as it should be.
// Internal to the room.
#include <optional>
#include <string>
#include <vector>

#include "bringup/verify/checks.hpp"
#include "reach_read.hpp"

namespace bringup::verify {

// A node in a network.
struct WayPlace {
  std::size_t node = 0;
  std::string interface;
  model::Ipv4 address;
  int prefix = 0;
  std::string network;  // "segment edge", or the link's name
};

// One network on the way: who sends into it and who is next.
struct Stretch {
  WayPlace here, there;
  std::optional<topology::NeededRoute> route;  // unset: the destination is in this network
};

// From a node to an address over the networks and routes that the fleet declares; shorter than the
// whole where it declares none.
std::vector<Stretch> way_to(const model::Fleet& fleet, std::size_t from, model::Ipv4 address);

// The first that is broken: at each stretch the sender's session, interface, address and route,
// the next one's interface, address and entry among the neighbours, and whether it forwards; then
// the way back likewise. `sent` is what the sender of the check saw of its own route.
std::optional<Diagnosis> first_broken_on_way(const model::Fleet& fleet, const ReachCheck& check,
                                             const std::vector<NodeEvidence>& evidence,
                                             const ReachReading& sent);

// Two ends of one network on the way, of which the sending one has the larger MTU and the other
// takes no packet of so many bytes.
std::optional<Diagnosis> differing_mtus(const model::Fleet& fleet, const ReachCheck& check,
                                        const std::vector<NodeEvidence>& evidence,
                                        std::uint32_t bytes);

// "ip route get A" or "route -n get A".
std::string route_command(facts::Os os, model::Ipv4 address);

// Warnings: a link's or segment's interface that has the default route; notes: segments on bridges
// of Thunderbolt ports.
std::vector<Diagnosis> taken_default_routes(const model::Fleet& fleet, std::size_t node,
                                            const facts::NodeFacts& facts);
std::vector<Diagnosis> bridged_segments(const model::Fleet& fleet,
                                        const std::vector<NodeEvidence>& evidence);

}  // namespace bringup::verify
