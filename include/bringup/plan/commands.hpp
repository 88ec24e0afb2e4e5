#pragma once
// The commands of a change on a Mac, built in one place and read back strictly, so that a saved
// plan can run nothing but these. All are one line of POSIX sh, without sudo.
#include <optional>
#include <string>
#include <string_view>

#include "bringup/model/address.hpp"
#include "bringup/plan/plan.hpp"
#include "bringup/plan/settings.hpp"

namespace bringup::plan {

std::string detach_command(const std::string& bridge, const std::string& interface);
std::string attach_command(const std::string& bridge, const std::string& interface);
std::string up_command(const std::string& interface);
std::string down_command(const std::string& interface);
// Replaces the first IPv4 address of the interface (facts: ifconfig without `alias`).
std::string assign_command(const std::string& interface, const model::InterfaceAddress& address);
std::string remove_command(const std::string& interface, model::Ipv4 address);
std::string route_add_command(const model::Subnet& destination, model::Ipv4 via);
std::string route_remove_command(const model::Subnet& destination, model::Ipv4 via);
std::string neighbour_set_command(model::Ipv4 address, const std::string& mac);
std::string neighbour_remove_command(model::Ipv4 address);
// Linux. A bridge there is an interface's master.
std::string ip_detach_command(const std::string& interface);
std::string ip_attach_command(const std::string& bridge, const std::string& interface);
std::string ip_link_command(const std::string& interface, std::string_view state);  // up, down
// Writes `content` beside `path` and renames it. Any bytes but NUL; always one line.
std::string write_command(std::string_view path, std::string_view content);
std::string delete_command(std::string_view path);

// What an operator types for it: the command, with sudo before it when it needs root.
std::string shown_command(std::string_view command, bool sudo);

// The parts of an action's command; which are set depends on the task.
struct CommandParts {
  std::string bridge;               // bridge_detach, bridge_attach
  std::string interface;            // all but of files and the keeper
  model::InterfaceAddress address;  // address_assign; address_remove, neighbours: without prefix
  model::Subnet destination;        // routes
  model::Ipv4 via;
  std::string mac;
  facts::Os os = facts::Os::darwin;           // whose command it is
  std::optional<InterfaceSettings> settings;  // settings_set, settings_remove
};

// Reads an action's command back. Nothing when the command is not exactly the one that bringup
// builds for this task, target and content.
std::optional<CommandParts> parse_command(const Action& action);

// en5, bridge0, vlan7.100: what may stand unquoted in our scripts as an interface's name.
bool is_interface_name(std::string_view name);

}  // namespace bringup::plan
