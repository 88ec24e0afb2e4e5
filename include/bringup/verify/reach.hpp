#pragma once
// Who must reach whom beyond the cables: members of a segment each other, the networks behind
// gateways, and what [[expect]] says.
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bringup/model/fleet.hpp"
#include "bringup/topology/routes.hpp"

namespace bringup::verify {

enum class ReachKind {
  segment,  // two members of a segment, from the one's own address in it
  routed,   // over the routes that gateways make
  expect,   // said by [[expect]] and by nothing else
};
std::string_view to_string(ReachKind kind);

// What is to be true of a pair of nodes, or of a node and an address.
enum class ReachWish {
  reachable,    // pings come back
  unreachable,  // nothing answers
  leaves_via,   // the route leaves through `interface`; nothing is sent
  shuns_via,    // it leaves through another one; nothing is sent
};
std::string_view to_string(ReachWish wish);

// One directed check. At most one for each sender and address, unless routes are asked for, too.
struct ReachCheck {
  ReachKind kind = ReachKind::segment;
  ReachWish wish = ReachWish::reachable;
  std::size_t from = 0;                // index into Fleet::nodes
  std::optional<std::size_t> to;       // unset: an address outside the fleet
  std::optional<model::Ipv4> address;  // unset: the fleet gives `to` none, and nothing can be asked
  // The address to send from; unset: the node's own choice.
  std::optional<model::Ipv4> source;
  std::string interface;                   // of `from`, by which it should leave; empty: not known
  std::vector<std::size_t> through;        // gateways on the declared way, in order
  std::optional<std::size_t> segment;      // kind segment: index into Fleet::segments
  std::optional<std::size_t> expectation;  // index into Fleet::expectations, where one says this
  model::Expectation limits;
};

// Segments, then routed pairs, then expectations, each in the order of the inventory. What an
// expectation says replaces what segments and routes would have. Members of a segment that also
// reach each other over a gateway are asked once, in the segment.
std::vector<ReachCheck> reach_checks(const model::Fleet& fleet);

}  // namespace bringup::verify
