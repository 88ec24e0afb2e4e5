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

std::string route_add_command(const model::Subnet& destination, model::Ipv4 via) {
  return fmt::format("route -n add -net {} {}", destination.to_string(), via.to_string());
}

std::string route_remove_command(const model::Subnet& destination, model::Ipv4 via) {
  return fmt::format("route -n delete -net {} {}", destination.to_string(), via.to_string());
}

std::string neighbour_set_command(model::Ipv4 address, const std::string& mac) {
  return fmt::format("arp -s {} {}", address.to_string(), mac);
}

std::string neighbour_remove_command(model::Ipv4 address) {
  return fmt::format("arp -d {}", address.to_string());
}

std::string ip_detach_command(const std::string& interface) {
  return fmt::format("ip link set dev {} nomaster", shell_quote(interface));
}

std::string ip_attach_command(const std::string& bridge, const std::string& interface) {
  return fmt::format("ip link set dev {} master {}", shell_quote(interface), shell_quote(bridge));
}

std::string ip_link_command(const std::string& interface, std::string_view state) {
  return fmt::format("ip link set dev {} {}", shell_quote(interface), state);
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

}  // namespace bringup::plan
