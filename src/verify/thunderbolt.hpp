#pragma once
// The little that the chain of layers needs of the Thunderbolt profiler. Internal to the room.
#include <optional>
#include <string>
#include <vector>

#include "bringup/facts/node_facts.hpp"

namespace bringup::verify {

struct ThunderboltPort {
  std::string interface;  // "en5"; empty when the receptacle could not be told from the ports
  std::string receptacle;
  bool connected = false;
  bool idle = false;  // speed is what the port could do: "Up to 80 Gb/s"
  double gbps = 0;    // 0: unknown
  // Names of this port's domain and of the one at the cable's other end; empty where not given.
  std::string domain, peer_domain;
  std::string dock;  // what stands between, when the thing on the port is no Mac
};

// Empty when there is no profile, or when it is not of the known form.
std::vector<ThunderboltPort> thunderbolt_ports(const facts::NodeFacts& facts);

}  // namespace bringup::verify
