// From an action's command back to its parts.
#include <fmt/format.h>

#include "bringup/model/mac.hpp"
#include "bringup/plan/commands.hpp"
#include "bringup/plan/persist.hpp"
#include "bringup/util/text.hpp"

namespace bringup::plan {
namespace {

// The address in "ifconfig IF inet A netmask M"; nothing when the mask has holes.
std::optional<model::InterfaceAddress> parse_address(std::string_view address,
                                                     std::string_view netmask) {
  const auto ip = model::Ipv4::parse(address);
  const auto mask = model::Ipv4::parse(netmask);
  if (!ip || !mask) return std::nullopt;
  const auto prefix = model::Subnet::prefix_of(mask->value());
  return prefix ? std::optional(model::InterfaceAddress{*ip, *prefix}) : std::nullopt;
}

bool is_file_path(std::string_view path) {
  return path.starts_with('/') &&
         path.find_first_of(std::string_view("\0\n", 2)) == std::string_view::npos;
}

bool is_bridge_name(std::string_view name) {
  if (!name.starts_with("bridge") || name.size() == 6 || !is_interface_name(name)) return false;
  for (const char c : name.substr(6)) {
    if (c < '0' || c > '9') return false;
  }
  return true;
}

// "route -n add -net 10.10.0.0/24 192.168.50.1", and delete.
std::optional<CommandParts> parse_route(const Action& action) {
  const auto words = split_blank(action.command);
  if (words.size() != 6 || !is_interface_name(action.target)) return std::nullopt;
  const auto destination = model::Subnet::parse(words[4]);
  const auto via = model::Ipv4::parse(words[5]);
  // Never a default route, nor a half of one.
  if (!destination || !via || destination->prefix() < 2) return std::nullopt;
  const auto make = action.task == Task::route_add ? route_add_command : route_remove_command;
  if (action.command != make(*destination, *via)) return std::nullopt;
  CommandParts parts;
  parts.interface = action.target;
  parts.destination = *destination;
  parts.via = *via;
  return parts;
}

std::optional<CommandParts> parse_neighbour(const Action& action) {
  const auto words = split_blank(action.command);
  const bool set = action.task == Task::neighbour_set;
  if (words.size() != (set ? 4U : 3U) || !is_interface_name(action.target)) return std::nullopt;
  const auto address = model::Ipv4::parse(words[2]);
  if (!address || (set && !model::is_mac(words[3]))) return std::nullopt;
  CommandParts parts;
  parts.interface = action.target;
  parts.address.address = *address;
  if (set) parts.mac = words[3];
  const std::string made =
      set ? neighbour_set_command(*address, parts.mac) : neighbour_remove_command(*address);
  return action.command == made ? std::optional(parts) : std::nullopt;
}

std::optional<CommandParts> parse_settings_action(const Action& action) {
  CommandParts parts;
  parts.os = facts::Os::linux_kernel;
  parts.interface = action.target;
  parts.settings = parse_settings(action.content);
  if (!parts.settings || parts.settings->interface != action.target) return std::nullopt;
  const std::string made = action.task == Task::settings_set
                               ? set_settings_command(*parts.settings)
                               : drop_settings_command(*parts.settings);
  return action.command == made ? std::optional(parts) : std::nullopt;
}

std::optional<CommandParts> parse_forwarding(const Action& action) {
  CommandParts parts;
  const Forwarding state =
      action.task == Task::forwarding_enable ? Forwarding::on : Forwarding::off;
  if (!action.content.empty() && action.content != "lasting\n") return std::nullopt;
  const Lasting lasting = action.content.empty() ? Lasting::until_reboot : Lasting::yes;
  for (const facts::Os os : {facts::Os::darwin, facts::Os::linux_kernel}) {
    parts.os = os;
    if (action.command == forwarding_command(os, state, lasting)) return parts;
  }
  return std::nullopt;
}

// The forms that Linux has of what a Mac's ifconfig does.
std::optional<CommandParts> parse_ip(const Action& action) {
  if (!is_interface_name(action.target)) return std::nullopt;
  CommandParts parts;
  parts.os = facts::Os::linux_kernel;
  parts.interface = action.target;
  parts.bridge = action.content;
  std::string made;
  if (action.task == Task::interface_up) made = ip_link_command(action.target, "up");
  if (action.task == Task::interface_down) made = ip_link_command(action.target, "down");
  if (is_interface_name(action.content)) {
    if (action.task == Task::bridge_detach) made = ip_detach_command(action.target);
    if (action.task == Task::bridge_attach) made = ip_attach_command(action.content, action.target);
  }
  return !made.empty() && action.command == made ? std::optional(parts) : std::nullopt;
}

// A Mac's, and what is done alike on either system.
std::optional<CommandParts> parse_step(const Action& action) {
  CommandParts parts;
  const auto words = split_blank(action.command);
  switch (action.task) {
    case Task::bridge_detach:
      if (words.size() != 4 || !is_bridge_name(words[1]) || !is_interface_name(action.target) ||
          action.command != detach_command(std::string(words[1]), action.target)) {
        return std::nullopt;
      }
      parts.bridge = words[1];
      parts.interface = action.target;
      return parts;
    case Task::bridge_attach:
      if (words.size() != 4 || !is_bridge_name(words[1]) || !is_interface_name(action.target) ||
          action.command != attach_command(std::string(words[1]), action.target)) {
        return std::nullopt;
      }
      parts.bridge = words[1];
      parts.interface = action.target;
      return parts;
    case Task::interface_down:
      if (!is_interface_name(action.target) || action.command != down_command(action.target)) {
        return std::nullopt;
      }
      parts.interface = action.target;
      return parts;
    case Task::address_remove: {
      if (words.size() != 5 || !is_interface_name(action.target)) return std::nullopt;
      const auto address = model::Ipv4::parse(words[3]);
      if (!address || action.command != remove_command(action.target, *address)) {
        return std::nullopt;
      }
      parts.interface = action.target;
      parts.address.address = *address;
      return parts;
    }
    case Task::file_remove:
      if (!is_file_path(action.target) || !action.content.empty() ||
          action.command != delete_command(action.target)) {
        return std::nullopt;
      }
      return parts;
    case Task::interface_up:
      if (!is_interface_name(action.target) || action.command != up_command(action.target)) {
        return std::nullopt;
      }
      parts.interface = action.target;
      return parts;
    case Task::address_assign: {
      if (words.size() != 6 || !is_interface_name(action.target)) return std::nullopt;
      const auto address = parse_address(words[3], words[5]);
      if (!address || action.command != assign_command(action.target, *address)) {
        return std::nullopt;
      }
      parts.interface = action.target;
      parts.address = *address;
      return parts;
    }
    case Task::file_write:
      if (!is_file_path(action.target) || action.content.find('\0') != std::string::npos ||
          action.command != write_command(action.target, action.content)) {
        return std::nullopt;
      }
      return parts;
    case Task::persist_install:
      if (action.target != facts::kKeeperPlist || !parse_launch_daemon(action.content) ||
          action.command != install_keeper_command(action.content)) {
        return std::nullopt;
      }
      return parts;
    case Task::persist_remove:
      if (action.target != facts::kKeeperPlist || !action.content.empty() ||
          action.command != remove_keeper_command()) {
        return std::nullopt;
      }
      return parts;
    case Task::rdma_check:
    case Task::profiler_collect:
      return parts;  // nothing of these runs in an apply script
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<CommandParts> parse_command(const Action& action) {
  switch (action.task) {
    case Task::settings_set:
    case Task::settings_remove:
      return parse_settings_action(action);
    case Task::route_add:
    case Task::route_remove:
      return parse_route(action);
    case Task::forwarding_enable:
    case Task::forwarding_disable:
      return parse_forwarding(action);
    case Task::neighbour_set:
    case Task::neighbour_remove:
      return parse_neighbour(action);
    default:
      break;
  }
  if (auto parts = parse_ip(action)) return parts;
  return parse_step(action);
}

}  // namespace bringup::plan
