#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bringup/platform/observed.hpp"

namespace bringup::facts {

enum class Os { darwin, linux_kernel, other };

// One command's own words, kept for the journal.
struct RawOutput {
  int exit_status = 0;
  std::string text;        // stdout and stderr together, bounded
  bool truncated = false;  // its end is missing: too much output, or too slow
};

struct FileState {
  bool present = false;
  std::string content;  // bounded; empty when absent
  std::string problem;  // why it could not be read; empty when it could
};

// What keeps a Mac's settings over reboots (`persist`; plan/persist.hpp), and what it did.
inline constexpr std::string_view kKeeperLabel = "dev.bringup.links";
inline constexpr std::string_view kKeeperPlist = "/Library/LaunchDaemons/dev.bringup.links.plist";
inline constexpr std::string_view kKeeperState = "/var/run/bringup-links.state";

inline constexpr std::string_view kOwnProfile = "NetworkManager:";

struct KeeperRun {
  std::int64_t seconds_ago = 0;  // by the node's own clock; never negative
  bool this_boot = false;        // since the node was started
  std::uint32_t changes = 0;     // of that run
  std::uint32_t total = 0;       // since the node was started
  std::string problem;           // one line; empty: none
};

struct Keeper {
  FileState file;       // kKeeperPlist
  bool loaded = false;  // launchd has a job of its label
  std::optional<KeeperRun> last_run;
};

// What is true on one node now, as far as it could be read. Anything that could not be read is
// unset or unknown and named in `problems`; nothing is guessed.
struct NodeFacts {
  Os os = Os::other;
  std::string uname;  // "Darwin", "Linux"
  platform::OsVersion version;
  std::string model;  // "Mac15,14"
  std::string hostname;
  std::string login_user;
  std::vector<platform::Interface> interfaces;
  std::vector<platform::Bridge> bridges;  // bridge0..9 and any other with members
  std::vector<platform::HardwarePort> ports;
  std::vector<platform::Route> routes;  // IPv4
  std::optional<bool> forwarding;       // of IPv4 packets; unset: could not be read
  std::vector<platform::Neighbour> neighbours;
  std::vector<platform::Owner> owners;    // Linux: one for each interface
  std::vector<std::string> name_servers;  // of /etc/resolv.conf, in its order
  // Linux: what of ours lies on the node, by path, or kOwnProfile and the connection's name for
  // NetworkManager's profiles (in the words of parse_nmcli_profile, "saved yes" at the end for
  // those that outlive a reboot).
  std::map<std::string, FileState> own;
  bool has_netplan = false;                            // a netplan configuration, and its command
  std::map<std::string, std::string> rdma_interfaces;  // Linux: verbs device, its interface
  platform::RdmaState rdma = platform::RdmaState::unknown;
  std::optional<std::vector<std::string>> ibv_devices;      // unset: no such tool or unreadable
  std::optional<std::vector<platform::IbvPort>> ibv_ports;  // by ibv_devinfo; unset likewise
  FileState matrix_file;
  std::string profiler_json;  // SPThunderboltDataType, unchecked; whole or empty; not in `raw`
  bool exo_daemon = false;    // io.exo.networksetup, which puts DHCP back
  std::vector<std::string> exo_services;  // "EXO Thunderbolt 1", of the location in use
  std::string network_location;           // `networksetup -getcurrentlocation`
  Keeper keeper;
  platform::SudoState sudo = platform::SudoState::unknown;
  std::string session_address;           // node's address on which this session arrives
  std::string session_interface;         // and its interface; empty when unknown
  std::map<std::string, RawOutput> raw;  // by record name
  std::vector<std::string> problems;     // "ifconfig: output could not be parsed: …"

  [[nodiscard]] const platform::Interface* find_interface(std::string_view name) const;
  [[nodiscard]] const platform::Owner* owner_of(std::string_view interface) const;
  [[nodiscard]] std::vector<platform::Route> default_routes() const;
  [[nodiscard]] const platform::Bridge* bridge_of(std::string_view member) const;
};

// A digest (64 hex digits) of all that a plan depends on: OS, interfaces' flags, MTU and addresses,
// bridge membership, routes, RDMA, ibv devices, the matrix file, the keeper, sudo. Not in it: what
// changes by itself (profiler text, hostname, raw outputs, the session's own address and port).
std::string plan_digest(const NodeFacts& facts);

}  // namespace bringup::facts
