#pragma once
// Which of a node's IPv4 addresses others should use, and why.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bringup/facts/node_facts.hpp"
#include "bringup/model/fleet.hpp"

namespace bringup::topology {

// What the interface of an address is, by the system's own name for its port.
enum class Medium { thunderbolt, ethernet, wifi, other, tunnel, bridge };
std::string_view to_string(Medium medium);

// Ring: the peer across one cable. Coordinator: everyone, so cables to one peer come late.
enum class Purpose { ring, coordinator };

struct AddressCandidate {
  model::Ipv4 address;
  int prefix = 32;
  std::string interface;
  Medium medium = Medium::other;
  bool links_own = false;  // what the inventory gives to the link in question
  std::string via_bridge;  // the bridge that carries it; empty: none
};

struct RankedAddress {
  AddressCandidate candidate;
  std::string reason;  // "10.254.0.1 on en3: the link's own address"
};

// A node's IPv4 addresses, loopback left out. An address counts as a bridge's alias when its
// interface is a bridge or a member of one, or when the route of its subnet leaves through one.
// `end`: the link in question, if any.
std::vector<AddressCandidate> address_candidates(const facts::NodeFacts& facts,
                                                 const model::LinkEnd* end = nullptr);

// Best first. The link's own address; then, apart from bridge aliases and link-local addresses,
// which come last in that order: interface kind (ring: Thunderbolt, Ethernet, Wi-Fi, other, tunnel;
// coordinator: Ethernet, Wi-Fi, other, Thunderbolt, tunnel), RFC 1918 before Tailscale's 100.64/10
// before public addresses, narrow subnets before wide ones, low addresses before high ones. So a
// dedicated Thunderbolt subnet beats an alias of the same interface that a bridge routes: TCP to
// such an alias fails with EHOSTUNREACH from spawned processes (exo pull request 2099).
std::vector<RankedAddress> ranked_addresses(std::vector<AddressCandidate> candidates,
                                            Purpose purpose);

}  // namespace bringup::topology
