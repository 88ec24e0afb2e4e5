// What is physically true of one simulated Mac, as the lab wrote it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lab_mac {

// Where a node finds its own truth, and where its commands may leave marks (counters).
inline constexpr const char* kTruthFile = "/.lab/node.json";
inline constexpr const char* kMarks = "/.lab/marks";

// The far end of a Thunderbolt cable.
struct Peer {
  std::string model;   // "Mac15,14"
  std::string family;  // "Mac Studio"
  std::string domain;  // domain UUID of the bus it is plugged into
  bool rdma = false;   // RDMA enabled over there
};

struct Port {
  int receptacle = 0;
  std::string iface;  // "en3"
  std::string mac;
  std::string domain;
  std::string switch_uid;
  int speed = 0;     // Gb/s of the cable's leg here, 0 when nothing is plugged in
  std::string dock;  // name of the dock between this port and the peer, often empty
  std::optional<Peer> peer;
};

// An interface that is not Thunderbolt: Ethernet or Wi-Fi.
struct Lan {
  std::string iface;
  std::string port;  // hardware port and service name
  std::string mac;
  bool cabled = false;  // an adapter for a cable of the fabric, not the way to the Mac
};

struct Fault {
  std::string name;
  std::string argument;
};

struct Truth {
  std::string name;
  std::string os_version, os_build;
  std::string model, family, chip;
  long long memory = 0;  // bytes
  int cores = 0;
  int thunderbolt = 0;      // generation: 4 or 5
  long long boot_time = 0;  // seconds since the epoch
  bool rdma = false;
  bool forwarding_bridge = false;  // frames pass between the members of its bridges
  std::string location;
  std::vector<std::string> services;  // beyond those of the hardware ports
  std::vector<Port> ports;
  std::vector<Lan> lans;
  std::vector<Fault> faults;

  // The first fault of that name, or null.
  const Fault* fault(std::string_view fault_name) const;
  // Whether that fault holds for this interface. A fault without argument holds for all.
  bool fault_on(std::string_view fault_name, std::string_view iface) const;
  const Port* port_of(std::string_view iface) const;
};

// Read anew by every command: the lab replaces the file whole. Throws std::runtime_error.
Truth load_truth();

}  // namespace lab_mac
