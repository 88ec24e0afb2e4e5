#pragma once
// What a node's check frames say about one link end. Internal to the room.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bringup/facts/script.hpp"
#include "bringup/verify/checks.hpp"

namespace bringup::verify {

// One frame judged on its own: the value, or why there is none.
template <class T>
struct Reading {
  bool present = false;  // the frame was there
  std::optional<T> value;
  std::string problem;  // set when present and without a value: the tool's last words, printable
  std::string raw;      // bounded
};

// Frame "route.L": the interface by which the peer is reached.
Reading<std::string> read_route(const std::vector<facts::Frame>& frames, std::size_t link,
                                facts::Os os);
Reading<std::string> read_route(const std::vector<facts::Frame>& frames, const std::string& name,
                                facts::Os os);

// Frame "ping.L". A ping that could not send for a reason that lies in the network ("No route to
// host", "Can't assign requested address"…) reads as no problem of the tool: `refused` is set.
struct PingReading : Reading<platform::PingResult> {
  bool refused = false;
};
PingReading read_ping(const std::vector<facts::Frame>& frames, std::size_t link, facts::Os os);
PingReading read_ping(const std::vector<facts::Frame>& frames, const std::string& name,
                      facts::Os os);

// Frame "mtu.L". `value` stands for what this end saw; the peer's MTU is in the peer's frame.
struct MtuReading {
  std::uint32_t interface = 0;           // MTU
  std::optional<std::uint32_t> largest;  // IPv4 packet; unset: nothing came back, or not asked
  bool asked = false;                    // sizes were tried
};
Reading<MtuReading> read_mtu(const std::vector<facts::Frame>& frames, std::size_t link);

}  // namespace bringup::verify
