// What stands in our files and profiles, and the commands that put them there.
#include <fmt/format.h>

#include "bringup/plan/settings.hpp"
#include "bringup/util/shell.hpp"
#include "bringup/util/text.hpp"
#include "shell_text.hpp"

namespace bringup::plan {
namespace {

using platform::Manager;

std::string addresses(const InterfaceSettings& settings) {
  std::vector<std::string> out;
  for (const auto& address : settings.addresses) out.push_back(address.to_string());
  return join(out, ",");
}

std::string routes(const InterfaceSettings& settings) {
  std::vector<std::string> out;
  for (const auto& route : settings.routes) {
    out.push_back(route.destination.to_string() + " " + route.via.to_string());
  }
  return join(out, ",");
}

std::string profile_name(const InterfaceSettings& settings) {
  return "bringup-" + settings.interface;
}

// netplan(5). Read after the user's files, whose keys for this interface it overrides.
std::string netplan_file(const InterfaceSettings& settings) {
  std::string out = fmt::format(
      "# Made by bringup; taken away when the inventory does not name {0} any more.\n"
      "network:\n  version: 2\n  ethernets:\n    {0}:\n      dhcp4: false\n      dhcp6: false\n"
      "      optional: true\n      addresses:\n",
      settings.interface);
  for (const auto& address : settings.addresses)
    out += fmt::format("        - {}\n", address.to_string());
  if (settings.mtu) out += fmt::format("      mtu: {}\n", *settings.mtu);
  if (!settings.routes.empty()) out += "      routes:\n";
  for (const auto& route : settings.routes) {
    out += fmt::format("        - to: {}\n          via: {}\n", route.destination.to_string(),
                       route.via.to_string());
  }
  return out;
}

// systemd.network(5). The first file that matches an interface is the only one.
std::string network_file(const InterfaceSettings& settings) {
  std::string out = fmt::format(
      "# Made by bringup; taken away when the inventory does not name {0} any more.\n"
      "[Match]\nName={0}\n\n[Link]\nRequiredForOnline=no\n",
      settings.interface);
  if (settings.mtu) out += fmt::format("MTUBytes={}\n", *settings.mtu);
  out += "\n[Network]\nDHCP=no\nLinkLocalAddressing=ipv6\nIPv6AcceptRA=no\n";
  for (const auto& address : settings.addresses)
    out += fmt::format("Address={}\n", address.to_string());
  for (const auto& route : settings.routes) {
    out += fmt::format("\n[Route]\nDestination={}\nGateway={}\n", route.destination.to_string(),
                       route.via.to_string());
  }
  return out;
}

// ip(8) alone: what makes the interface hold these settings, each command by itself.
std::vector<std::string> ip_commands(const InterfaceSettings& settings) {
  const std::string& name = settings.interface;
  std::vector<std::string> out;
  if (settings.mtu) out.push_back(fmt::format("ip link set dev {} mtu {}", name, *settings.mtu));
  out.push_back(fmt::format("ip link set dev {} up", name));
  for (const auto& address : settings.addresses) {
    out.push_back(
        fmt::format("ip address replace {} broadcast + dev {}", address.to_string(), name));
  }
  for (const auto& route : settings.routes) {
    out.push_back(fmt::format("ip route replace {} via {} dev {}", route.destination.to_string(),
                              route.via.to_string(), name));
  }
  return out;
}

std::vector<std::string> neighbour_commands(const InterfaceSettings& settings) {
  std::vector<std::string> out;
  for (const auto& one : settings.neighbours) {
    out.push_back(fmt::format("ip neighbour replace {} lladdr {} dev {} nud permanent",
                              one.address.to_string(), one.mac, settings.interface));
  }
  return out;
}

std::string joined(const std::vector<std::string>& commands, std::string_view before) {
  std::string out;
  for (const auto& command : commands) {
    out += (out.empty() ? "" : " && ") + std::string(before) + command;
  }
  return out;
}

// systemd.service(5): at boot and every minute, as the commands change nothing that is right.
std::string unit_file(const InterfaceSettings& settings) {
  std::vector<std::string> commands = ip_commands(settings);
  for (auto& command : neighbour_commands(settings)) commands.push_back(std::move(command));
  return fmt::format(
      "# Made by bringup; taken away when the inventory does not name {0} any more.\n"
      "[Unit]\nDescription=Settings of {0} that bringup declares\nAfter=network-pre.target\n"
      "StartLimitIntervalSec=0\n\n"
      "[Service]\nExecStart=/bin/sh -c '{1}'\nRestart=always\nRestartSec=60\n\n"
      "[Install]\nWantedBy=multi-user.target\n",
      settings.interface, joined(commands, {}));
}

// Written beside its place and renamed, so that no half of it is ever read. dd refuses to follow a
// link: bootstrap's rule for sudo allows no more than this (root_commands()).
std::string install(const std::string& path, const std::string& content, std::string_view mode,
                    std::string_view before) {
  return fmt::format(
      "t=$(mktemp /tmp/bringup.XXXXXXXXXX) && {0} >\"$t\" && {1}mkdir -p {2} && "
      "{1}dd if=\"$t\" of={3}.new iflag=nofollow status=none && {1}chmod {4} {3}.new && "
      "{1}mv -f {3}.new {3} && rm -f \"$t\"",
      print_lines(content), before, path.substr(0, path.rfind('/')), path, mode);
}

}  // namespace

std::string settings_file(const InterfaceSettings& settings) {
  switch (settings.manager) {
    case Manager::netplan:
      return netplan_file(settings);
    case Manager::networkd:
      return network_file(settings);
    case Manager::network_manager: {
      std::string out = fmt::format("interface {}\n", settings.interface);
      for (const auto& address : settings.addresses) {
        out += fmt::format("address {}\n", address.to_string());
      }
      if (settings.mtu) out += fmt::format("mtu {}\n", *settings.mtu);
      for (const auto& route : settings.routes) {
        out += fmt::format("route {} {}\n", route.destination.to_string(), route.via.to_string());
      }
      return out + (settings.lasting == Lasting::yes ? "saved yes\n" : "");
    }
    case Manager::none:
    case Manager::unknown:
      break;
  }
  return settings.lasting == Lasting::yes ? unit_file(settings) : std::string();
}

// nmcli(1). An unsaved profile stays one only with --temporary.
std::string set_settings_command(const InterfaceSettings& settings, std::string_view before) {
  const std::string place = settings_place(settings);
  const bool lasting = settings.lasting == Lasting::yes;
  std::string out;
  switch (settings.manager) {
    case Manager::network_manager: {
      const std::string name = profile_name(settings);
      out = fmt::format(
          "{{ nmcli -g connection.uuid connection show id {0} >/dev/null 2>&1 || {1}nmcli "
          "connection "
          "add type ethernet con-name {0} ifname {2} autoconnect no save {3} >/dev/null; }} && "
          "{1}nmcli connection modify {4}id {0} connection.autoconnect yes "
          "connection.autoconnect-priority 100 ipv4.method manual ipv4.addresses {5} "
          "ipv4.gateway '' ipv4.dns '' ipv4.never-default yes ipv4.routes {6} ipv6.method "
          "link-local ipv6.never-default yes 802-3-ethernet.mtu {7} && {1}nmcli --wait 20 "
          "connection up id {0}",
          name, before, settings.interface, lasting ? "yes" : "no", lasting ? "" : "--temporary ",
          shell_quote(addresses(settings)), shell_quote(routes(settings)),
          settings.mtu ? std::to_string(*settings.mtu) : "0");
      break;
    }
    // `netplan generate` refuses a configuration that does not fit together before anything of it
    // is carried out.
    case Manager::netplan:
      out = install(place, settings_file(settings), "600", before) +
            fmt::format(
                " && {{ {0}netplan generate || {{ {0}rm -f {1}; {0}netplan generate; false; "
                "}}; }} && {0}netplan apply",
                before, place);
      break;
    case Manager::networkd:
      out = install(place, settings_file(settings), "644", before) +
            fmt::format(" && {0}networkctl reload && {0}networkctl reconfigure {1}", before,
                        settings.interface);
      break;
    case Manager::none:
    case Manager::unknown:
      out = joined(ip_commands(settings), before);
      if (lasting) {
        out += " && " + install(place, settings_file(settings), "644", before) +
               fmt::format(
                   " && {0}systemctl daemon-reload && {0}systemctl enable "
                   "bringup-{1}.service",
                   before, settings.interface);
      }
      break;
  }
  const std::string neighbours = joined(neighbour_commands(settings), before);
  return neighbours.empty() ? out : out + " && " + neighbours;
}

std::string drop_settings_command(const InterfaceSettings& settings, std::string_view before) {
  const std::string place = settings_place(settings);
  const std::string& name = settings.interface;
  std::vector<std::string> out;
  for (const auto& one : settings.neighbours) {
    out.push_back(
        fmt::format("{}ip neighbour del {} dev {}", before, one.address.to_string(), name));
  }
  switch (settings.manager) {
    case Manager::network_manager:
      out.push_back(fmt::format("{}nmcli connection delete id {}", before, profile_name(settings)));
      if (!settings.previous.empty()) {
        out.push_back(
            fmt::format("{}nmcli --wait 0 connection up uuid {}", before, settings.previous));
      }
      break;
    case Manager::netplan:
      out.push_back(
          fmt::format("{0}rm -f {1} && {0}netplan generate && {0}netplan apply", before, place));
      break;
    case Manager::networkd:
      out.push_back(
          fmt::format("{0}rm -f {1} && {0}networkctl reload && {0}networkctl reconfigure {2}",
                      before, place, name));
      break;
    case Manager::none:
    case Manager::unknown:
      for (const auto& route : settings.routes) {
        out.push_back(fmt::format("{}ip route del {} via {} dev {}", before,
                                  route.destination.to_string(), route.via.to_string(), name));
      }
      for (const auto& address : settings.addresses) {
        out.push_back(fmt::format("{}ip address del {} dev {}", before, address.to_string(), name));
      }
      if (settings.lasting == Lasting::yes) {
        out.push_back(
            fmt::format("{0}systemctl disable --now bringup-{1}.service; {0}rm -f {2} && "
                        "{0}systemctl daemon-reload",
                        before, name, place));
      }
      break;
  }
  return join(out, "; ");
}

std::string forwarding_command(facts::Os os, Forwarding state, Lasting lasting,
                               std::string_view before) {
  const char* key = os == facts::Os::darwin ? "net.inet.ip.forwarding" : "net.ipv4.ip_forward";
  std::string out = fmt::format("{}sysctl -w {}={}", before, key, state == Forwarding::on ? 1 : 0);
  if (os == facts::Os::darwin) return out;
  if (state == Forwarding::off) return out + fmt::format("; {}rm -f {}", before, kForwardingFile);
  if (lasting == Lasting::until_reboot)
    return out + fmt::format(" && {}rm -f {}", before, kForwardingFile);
  return out + " && " +
         install(std::string(kForwardingFile), std::string(kForwardingText), "644", before);
}

}  // namespace bringup::plan
