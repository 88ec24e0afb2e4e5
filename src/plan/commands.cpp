#include "bringup/plan/commands.hpp"

#include <fmt/format.h>

#include "bringup/plan/persist.hpp"
#include "bringup/platform/darwin.hpp"
#include "bringup/util/shell.hpp"
#include "bringup/util/text.hpp"

namespace bringup::plan {
namespace {

constexpr std::size_t kMaxInterfaceName = 15;  // IFNAMSIZ is 16 on macOS and Linux

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// A printf command that prints `content`: readable for one line of plain text, octal escapes (which
// every POSIX printf knows) for anything else, so that a plan's command always stays on one line.
std::string print_command(std::string_view content) {
  std::string_view line = content;
  const bool ends_line = line.ends_with('\n');
  if (ends_line) line.remove_suffix(1);
  bool plain = true;
  for (const char c : line) plain = plain && c >= ' ' && c <= '~' && c != '\\';
  if (plain) {
    return fmt::format("printf {} {}", ends_line ? "'%s\\n'" : "%s", shell_quote(line));
  }
  std::string octal;
  for (const char c : content) {
    if (c != '\0') octal += fmt::format("\\{:03o}", static_cast<unsigned char>(c));
  }
  return fmt::format("printf '{}'", octal);
}

// The address in "ifconfig IF inet A netmask M"; nothing when the mask has holes.
std::optional<model::InterfaceAddress> parse_address(std::string_view address,
                                                     std::string_view netmask) {
  const auto ip = model::Ipv4::parse(address);
  const auto mask = model::Ipv4::parse(netmask);
  if (!ip || !mask) return std::nullopt;
  for (int prefix = 0; prefix <= 32; ++prefix) {
    if (model::Subnet::mask_of(prefix) == mask->value()) {
      return model::InterfaceAddress{*ip, prefix};
    }
  }
  return std::nullopt;
}

bool is_file_path(std::string_view path) {
  return path.starts_with('/') &&
         path.find_first_of(std::string_view("\0\n", 2)) == std::string_view::npos;
}

bool is_bridge_name(std::string_view name) {
  if (!name.starts_with("bridge") || name.size() == 6 || !is_interface_name(name)) return false;
  for (const char c : name.substr(6)) {
    if (!is_digit(c)) return false;
  }
  return true;
}

}  // namespace

bool is_interface_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxInterfaceName || !is_letter(name.front())) return false;
  for (const char c : name) {
    if (!is_letter(c) && !is_digit(c) && c != '.' && c != '_' && c != '-') return false;
  }
  return true;
}

std::string detach_command(const std::string& bridge, const std::string& interface) {
  return platform::darwin::bridge_detach(bridge, interface);
}

std::string attach_command(const std::string& bridge, const std::string& interface) {
  return platform::darwin::bridge_attach(bridge, interface);
}

std::string up_command(const std::string& interface) {
  return platform::darwin::interface_up(interface);
}

std::string down_command(const std::string& interface) {
  return shell_join({"ifconfig", interface, "down"});
}

std::string assign_command(const std::string& interface, const model::InterfaceAddress& address) {
  return platform::darwin::address_assign(interface, address);
}

std::string remove_command(const std::string& interface, model::Ipv4 address) {
  return platform::darwin::address_remove(interface, address);
}

std::string write_command(std::string_view path, std::string_view content) {
  return fmt::format(R"(t=$(mktemp {0}.XXXXXX) && {1} >"$t" && chmod 644 "$t" && mv -f "$t" {0})",
                     shell_quote(path), print_command(content));
}

std::string delete_command(std::string_view path) {
  return fmt::format("rm -f {}", shell_quote(path));
}

std::string shown_command(std::string_view command, bool sudo) {
  return (sudo ? "sudo " : "") + std::string(command);
}

std::optional<CommandParts> parse_command(const Action& action) {
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
  }
  return std::nullopt;
}

}  // namespace bringup::plan
