#pragma once
// What a node's own commands told, whatever its operating system prints it like.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bringup/model/address.hpp"

namespace bringup::platform {

struct Interface {
  std::string name;
  bool up = false;             // administratively up (flag UP)
  std::optional<bool> active;  // carrier, where the system says (macOS "status: active")
  std::vector<std::string> flags;
  std::uint32_t mtu = 0;
  std::string ether;  // MAC, lower case; empty when none
  std::vector<model::InterfaceAddress> inet;
  std::vector<std::string> inet6;  // as printed, without prefix length
  std::optional<double> gbps;      // negotiated; Linux, physical ports
  bool operator==(const Interface&) const = default;
};

struct Bridge {
  std::string name;
  std::vector<std::string> members;
  bool operator==(const Bridge&) const = default;
};

struct HardwarePort {
  std::string name;    // "Thunderbolt 1", "Wi-Fi"
  std::string device;  // "en5"
  std::string ether;
  bool operator==(const HardwarePort&) const = default;
};

struct Route {
  model::Subnet destination;  // 0.0.0.0/0 for the default route
  std::string gateway;        // address or "link#N"
  std::string interface;
  bool operator==(const Route&) const = default;
};

// An entry of the ARP table.
struct Neighbour {
  model::Ipv4 address;
  std::string interface;
  std::string mac;         // lower case; empty: not resolved
  bool permanent = false;  // put there by somebody, for good
  bool operator==(const Neighbour&) const = default;
};

// Who sets up an interface of a Linux node, as far as it could be found out.
enum class Manager {
  none,             // nobody: plain iproute2 may
  network_manager,  // NetworkManager has the device
  networkd,         // systemd-networkd has it, or netplan with that renderer
  netplan,          // there is a netplan configuration: what it writes, others carry out
  unknown,
};

struct Owner {
  std::string interface;
  Manager manager = Manager::unknown;
  std::string profile;  // NetworkManager's connection, networkd's file; empty: none is active
  std::string uuid;     // of that connection
  bool operator==(const Owner&) const = default;
};

// One port of a verbs device, as ibv_devinfo tells.
struct IbvGid {
  std::uint32_t index = 0;
  std::string gid;  // as inet_ntop() writes it
  bool operator==(const IbvGid&) const = default;
};
struct IbvPort {
  std::string device;
  std::uint32_t port = 0;
  std::string state;           // "PORT_ACTIVE", "PORT_DOWN"
  std::string link_layer;      // "Thunderbolt", "Ethernet"
  std::optional<double> gbps;  // width times speed; an unconnected Thunderbolt port says 80, too
  std::vector<IbvGid> gids;    // of rdma-core one address may stand at several (RoCE v1 and v2)
  bool operator==(const IbvPort&) const = default;
};

enum class RdmaState { enabled, disabled, no_tool, unknown };

enum class SudoState {
  passwordless,       // sudo -n true works
  password_required,  // "a password is required"
  refused,            // the user is not in sudoers
  absent,             // no sudo program
  unknown,
};

struct OsVersion {
  std::string product;  // "macOS"
  std::string version;  // "26.2"
  std::string build;    // "25C56"
  bool operator==(const OsVersion&) const = default;
};

// The summary of one ping run. rtt_* unset when nothing came back.
struct PingResult {
  int transmitted = 0;
  int received = 0;
  double loss_percent = 0;
  std::optional<double> min_ms, avg_ms, max_ms, stddev_ms;
};

}  // namespace bringup::platform
