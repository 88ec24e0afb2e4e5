#pragma once
// What the frames of reach_script.hpp say of one check. Internal to the room.
#include <optional>
#include <string_view>
#include <vector>

#include "observe.hpp"

namespace bringup::verify {

struct ReachReading {
  Reading<std::string> route;      // the interface; empty: no route
  std::optional<model::Ipv4> via;  // the next gateway
  PingReading ping;
  std::optional<LargePing> large;
  std::optional<bool> tcp;  // a connection came about; unset: not tried, or no tool for it
  std::vector<Hop> path;    // pings of 1, 2, … hops, up to the first that arrived
};
ReachReading read_reach(const std::vector<facts::Frame>& frames, std::size_t check, facts::Os os);

// Who answered a ping of few hops, by the words of iputils ("From A icmp_seq=1 Time to live
// exceeded", "64 bytes from A: …") or of a Mac ("92 bytes from A: Time to live exceeded"). Line
// breaks may have become blanks.
Hop read_hop(std::string_view text);

}  // namespace bringup::verify
