#include "bringup/plan/settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "bringup/model/mac.hpp"
#include "bringup/plan/commands.hpp"
#include "bringup/platform/linux.hpp"
#include "bringup/topology/routes.hpp"
#include "bringup/util/text.hpp"

namespace bringup::plan {
namespace {

using platform::Manager;

constexpr std::array<std::pair<Manager, std::string_view>, 4> kManagers{{
    {Manager::none, "none"},
    {Manager::network_manager, "networkmanager"},
    {Manager::networkd, "networkd"},
    {Manager::netplan, "netplan"},
}};

bool read_line(const std::vector<std::string_view>& words, InterfaceSettings& out) {
  const std::string_view key = words[0];
  if (words.size() == 3 && key == "route") {
    const auto destination = model::Subnet::parse(words[1]);
    const auto via = model::Ipv4::parse(words[2]);
    // Never a default route, nor a half of one.
    if (!destination || !via || destination->prefix() < 2) return false;
    out.routes.push_back({*destination, *via});
    return true;
  }
  if (words.size() == 3 && key == "neighbour") {
    const auto address = model::Ipv4::parse(words[1]);
    if (!address) return false;
    out.neighbours.push_back({*address, std::string(words[2])});
    return model::is_mac(words[2]);
  }
  if (words.size() != 2) return false;
  if (key == "manager") {
    for (const auto& [manager, word] : kManagers) {
      if (word != words[1]) continue;
      out.manager = manager;
      return true;
    }
    return false;
  }
  if (key == "interface") {
    out.interface = words[1];
    return is_interface_name(words[1]);
  }
  if (key == "address") {
    const auto address = model::InterfaceAddress::parse(words[1]);
    if (address) out.addresses.push_back(*address);
    return address.has_value();
  }
  if (key == "mtu") {
    std::uint32_t mtu = 0;
    const char* end = words[1].data() + words[1].size();
    const auto [stop, error] = std::from_chars(words[1].data(), end, mtu);
    out.mtu = mtu;
    return error == std::errc{} && stop == end && mtu >= 68 && mtu <= 65535;
  }
  if (key == "previous") {
    out.previous = words[1];
    return platform::linux_kernel::is_uuid(words[1]);
  }
  out.lasting = Lasting::yes;
  return key == "lasting" && words[1] == "yes";
}

}  // namespace

std::string_view to_string(Manager manager) {
  for (const auto& [value, word] : kManagers) {
    if (value == manager) return word;
  }
  return "unknown";
}

std::string settings_text(const InterfaceSettings& settings) {
  std::string out =
      fmt::format("manager {}\ninterface {}\n", to_string(settings.manager), settings.interface);
  for (const auto& address : settings.addresses)
    out += fmt::format("address {}\n", address.to_string());
  if (settings.mtu) out += fmt::format("mtu {}\n", *settings.mtu);
  for (const auto& route : settings.routes) {
    out += fmt::format("route {} {}\n", route.destination.to_string(), route.via.to_string());
  }
  for (const auto& one : settings.neighbours) {
    out += fmt::format("neighbour {} {}\n", one.address.to_string(), one.mac);
  }
  if (settings.lasting == Lasting::yes) out += "lasting yes\n";
  if (!settings.previous.empty()) out += fmt::format("previous {}\n", settings.previous);
  return out;
}

std::optional<InterfaceSettings> parse_settings(std::string_view text) {
  constexpr std::size_t kMaxText = 65536;
  if (text.size() > kMaxText) return std::nullopt;
  InterfaceSettings out;
  for (const std::string_view line : split_lines(text)) {
    const auto words = split_blank(line);
    if (words.empty() || !read_line(words, out)) return std::nullopt;
  }
  if (settings_text(out) != text || out.interface.empty()) return std::nullopt;
  return out;
}

std::optional<InterfaceSettings> wanted_settings(const model::Fleet& fleet, std::size_t node,
                                                 const std::string& interface, Manager manager) {
  InterfaceSettings out;
  out.manager = manager;
  out.interface = interface;
  out.lasting = fleet.persist ? Lasting::yes : Lasting::until_reboot;
  for (const auto& own : topology::addresses_of(fleet, node)) {
    if (own.interface == interface) out.addresses.push_back(own.address);
  }
  if (out.addresses.empty()) return std::nullopt;
  for (const auto& link : fleet.links) {
    for (const auto& end : link.ends) {
      if (end.node == node && end.interface == interface && link.mtu) out.mtu = link.mtu;
    }
  }
  for (const auto& route : topology::routes_of(fleet, node)) {
    if (route.interface == interface) out.routes.push_back({route.destination, route.via});
  }
  for (const auto& segment : fleet.segments) {
    const bool here = std::ranges::any_of(segment.members, [&](const auto& member) {
      return member.node == node && member.interface == interface;
    });
    for (const auto& member : segment.members) {
      if (here && member.node != node && !member.mac.empty()) {
        out.neighbours.push_back({member.address, member.mac});
      }
    }
  }
  std::ranges::sort(out.routes);
  std::ranges::sort(out.neighbours);
  return out;
}

std::string settings_place(const InterfaceSettings& settings) {
  const bool lasting = settings.lasting == Lasting::yes;
  const std::string name = "bringup-" + settings.interface;
  switch (settings.manager) {
    case Manager::network_manager:
      return std::string(facts::kOwnProfile) + name;
    case Manager::netplan:
      return fmt::format("{}/netplan/90-{}.yaml", lasting ? "/etc" : "/run", name);
    case Manager::networkd:
      return fmt::format("{}/systemd/network/00-{}.network", lasting ? "/etc" : "/run", name);
    case Manager::none:
    case Manager::unknown:
      break;
  }
  return lasting ? fmt::format("/etc/systemd/system/{}.service", name) : std::string();
}

}  // namespace bringup::plan
