#pragma once
// How an interface of a Linux node is set up: by whoever owns it (NetworkManager, netplan,
// systemd-networkd), in a profile or file of ours; or by ip(8) where nobody does. Nothing of the
// user's is edited. Without `persist` what is written lies where a reboot takes it (/run, or an
// unsaved profile).
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bringup/facts/node_facts.hpp"
#include "bringup/model/fleet.hpp"
#include "bringup/plan/plan.hpp"

namespace bringup::plan {

enum class Lasting { until_reboot, yes };
enum class Forwarding { off, on };

struct SettingsRoute {
  model::Subnet destination;
  model::Ipv4 via;
  auto operator<=>(const SettingsRoute&) const = default;
};

struct SettingsNeighbour {
  model::Ipv4 address;
  std::string mac;
  auto operator<=>(const SettingsNeighbour&) const = default;
};

struct InterfaceSettings {
  platform::Manager manager = platform::Manager::none;
  std::string interface;
  std::vector<model::InterfaceAddress> addresses;
  std::optional<std::uint32_t> mtu;
  std::vector<SettingsRoute> routes;          // sorted
  std::vector<SettingsNeighbour> neighbours;  // sorted; kept by ip(8) alone
  Lasting lasting = Lasting::until_reboot;
  std::string previous;  // NetworkManager: the UUID of the connection that was active before ours
  bool operator==(const InterfaceSettings&) const = default;
};

// A line for each setting: "manager networkmanager", "interface eth0", "address 192.168.50.2/24",
// "mtu 9000", "route 10.10.0.0/24 192.168.50.1", "neighbour 192.168.50.1 dc:a6:32:01:02:03",
// "lasting yes". The content of an action.
std::string settings_text(const InterfaceSettings& settings);
// Nothing for what settings_text() does not write.
std::optional<InterfaceSettings> parse_settings(std::string_view text);
std::string_view to_string(platform::Manager manager);  // "networkmanager", "netplan", …

// What the fleet wants of this interface; nothing when it names it nowhere.
std::optional<InterfaceSettings> wanted_settings(const model::Fleet& fleet, std::size_t node,
                                                 const std::string& interface,
                                                 platform::Manager manager);

// Where the settings are written: a path, facts::kOwnProfile and a connection's name, or nothing
// (ip(8), until the next reboot).
std::string settings_place(const InterfaceSettings& settings);
// What stands there, in the words of NodeFacts::own.
std::string settings_file(const InterfaceSettings& settings);

// One line of POSIX sh; `before` stands in front of each command that needs root: "" or "sudo ".
std::string set_settings_command(const InterfaceSettings& settings, std::string_view before = {});
// Takes away what set_settings_command() put there: what is ours at that place, and with ip(8) each
// address and route.
std::string drop_settings_command(const InterfaceSettings& settings, std::string_view before = {});

// Forwarding of IPv4 packets; with Lasting::yes also after a reboot, else without our file for that
// (Linux; a Mac's keeper sees to it there).
std::string forwarding_command(facts::Os os, Forwarding state, Lasting lasting,
                               std::string_view before = {});
inline constexpr std::string_view kForwardingFile = "/etc/sysctl.d/90-bringup.conf";
inline constexpr std::string_view kForwardingText = "net.ipv4.ip_forward = 1\n";

}  // namespace bringup::plan
