#pragma once
// What `system_profiler SPThunderboltDataType -json` says of a Mac's ports. The format is known
// from captures of macOS 26 only and differs between releases: what is missing or of another type
// is passed over, what is there is taken by its meaning, in any case and in any form of number.
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bringup/facts/node_facts.hpp"
#include "bringup/util/error.hpp"

namespace bringup::topology {

inline constexpr std::size_t kMostProfile = std::size_t{4} << 20;  // bytes
inline constexpr std::size_t kDeepestProfile = 64;                 // brackets; a real one has 12
inline constexpr std::size_t kMostPorts = 64;                      // of one Mac
inline constexpr std::size_t kMostAttached = 256;                  // items below one port

// A Mac seen from a port, at whatever depth below it.
struct ThunderboltPeer {
  std::string name;                  // "MacBook Pro"
  std::string model;                 // "Mac17,7"; may be empty
  std::string domain;                // UUID in upper case; empty: the profiler does not tell
  bool rdma = false;                 // service 64087: RDMA is enabled over there
  std::vector<std::string> through;  // docks, hubs and displays between, the nearest first
  bool operator==(const ThunderboltPeer&) const = default;
};

struct ThunderboltPort {
  std::string bus;         // "thunderboltusb4_bus_1"
  std::string family;      // of this Mac: "Mac Studio"; may be empty
  std::string domain;      // UUID in upper case; may be empty
  std::string receptacle;  // "2"; empty: the bus has none
  std::string interface;   // "en3", by the names of hardware ports; empty: could not be told
  bool connected = false;  // something is plugged in
  bool idle = false;       // gbps is what the port could do: "Up to 120 Gb/s"
  double gbps = 0;         // 0: unknown
  std::vector<ThunderboltPeer> peers;
  std::vector<std::string> devices;  // whatever else is attached: docks, displays, drives
  // What stands between the port and its peer, or on the port when no peer is seen.
  [[nodiscard]] std::string between() const;
  bool operator==(const ThunderboltPort&) const = default;
};

struct ThunderboltProfile {
  std::vector<ThunderboltPort> ports;  // by number of receptacle; those without one last
  std::vector<std::string> oddities;   // what was passed over, in words
};

// Refused (parse): more than kMostProfile bytes, deeper than kDeepestProfile, not JSON, or without
// the list SPThunderboltDataType. Of two buses with one receptacle the connected one is kept; if
// both or none are connected, neither has an interface.
Expected<ThunderboltProfile> parse_thunderbolt(std::string_view text);

// Receptacle "2" is the hardware port "Thunderbolt 2", whatever its place in the list.
void name_interfaces(ThunderboltProfile& profile,
                     const std::vector<platform::HardwarePort>& hardware);

// Both of one node's facts. Fails (remote) when no profile was read.
Expected<ThunderboltProfile> thunderbolt_profile(const facts::NodeFacts& facts);
// The same where only what is known matters: no ports when there is no profile.
std::vector<ThunderboltPort> thunderbolt_ports(const facts::NodeFacts& facts);

// Every port does 40 Gb/s at most. An idle port says what it could do; one with a cable in may be
// held back by that, so there must be an idle one.
bool is_thunderbolt4_hardware(const std::vector<ThunderboltPort>& ports);

}  // namespace bringup::topology
