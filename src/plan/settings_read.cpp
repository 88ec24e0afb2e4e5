// From what lies on a node back to settings.
#include "settings_read.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "bringup/plan/commands.hpp"
#include "bringup/util/text.hpp"

namespace bringup::plan {
namespace {

using platform::Manager;

struct Place {
  Manager manager;
  std::string_view head, tail;
  Lasting lasting;
};
constexpr std::array<Place, 5> kPlaces{{
    {Manager::netplan, "/etc/netplan/90-bringup-", ".yaml", Lasting::yes},
    {Manager::netplan, "/run/netplan/90-bringup-", ".yaml", Lasting::until_reboot},
    {Manager::networkd, "/etc/systemd/network/00-bringup-", ".network", Lasting::yes},
    {Manager::networkd, "/run/systemd/network/00-bringup-", ".network", Lasting::until_reboot},
    {Manager::none, "/etc/systemd/system/bringup-", ".service", Lasting::yes},
}};

// The line that settings_text() has for it; empty for a line of no interest. What is found here is
// believed only if it makes the same file again.
std::string line_for(std::string_view line) {
  const auto words = split_blank(line);
  const auto at = [&](std::size_t i) {
    return i < words.size() ? std::string(words[i]) : std::string();
  };
  if (line.starts_with("        - to: ") || line.starts_with("Destination=")) {
    return "route " + (line.front() == ' ' ? at(2) : std::string(line.substr(12)));
  }
  if (line.starts_with("          via: ")) return " " + at(1) + "\n";
  if (line.starts_with("Gateway=")) return " " + std::string(line.substr(8)) + "\n";
  if (line.starts_with("        - ")) return "address " + at(1) + "\n";
  if (line.starts_with("Address=")) return "address " + std::string(line.substr(8)) + "\n";
  if (line.starts_with("      mtu: ")) return "mtu " + at(1) + "\n";
  if (line.starts_with("MTUBytes=")) return "mtu " + std::string(line.substr(9)) + "\n";
  return {};
}

// "ip address replace 10.0.0.1/30 broadcast + dev eth0"
std::string line_for_ip(std::string_view command) {
  const auto words = split_blank(command);
  if (words.size() < 5 || words[0] != "ip") return {};
  const std::string kind = std::string(words[1]) + " " + std::string(words[2]);
  const std::string what(words[3]);
  if (kind == "address replace") return "address " + what + "\n";
  if (kind == "route replace") return "route " + what + " " + std::string(words[5]) + "\n";
  if (kind == "neighbour replace") return "neighbour " + what + " " + std::string(words[5]) + "\n";
  if (kind == "link set" && words.size() == 7 && words[5] == "mtu") {
    return "mtu " + std::string(words[6]) + "\n";
  }
  return {};
}

// The commands of a unit's one ExecStart.
std::vector<std::string_view> commands_of(std::string_view content) {
  constexpr std::string_view kHead = "\nExecStart=/bin/sh -c '";
  std::vector<std::string_view> out;
  const std::size_t at = content.find(kHead);
  if (at == std::string_view::npos) return out;
  std::string_view rest = content.substr(at + kHead.size());
  rest = rest.substr(0, rest.find('\''));
  while (!rest.empty()) {
    const std::size_t next = rest.find(" && ");
    out.push_back(rest.substr(0, next));
    rest = next == std::string_view::npos ? std::string_view() : rest.substr(next + 4);
  }
  return out;
}

std::optional<InterfaceSettings> at_place(std::string_view place) {
  InterfaceSettings out;
  if (place.starts_with(facts::kOwnProfile)) {
    const std::string_view name = place.substr(facts::kOwnProfile.size());
    if (!name.starts_with("bringup-")) return std::nullopt;
    out.manager = Manager::network_manager;
    out.interface = name.substr(8);
  }
  for (const Place& known : kPlaces) {
    if (!place.starts_with(known.head) || !place.ends_with(known.tail) ||
        place.size() < known.head.size() + known.tail.size()) {
      continue;
    }
    out.manager = known.manager;
    out.lasting = known.lasting;
    out.interface =
        place.substr(known.head.size(), place.size() - known.head.size() - known.tail.size());
  }
  if (!is_interface_name(out.interface)) return std::nullopt;
  return out;
}

}  // namespace

std::optional<InterfaceSettings> settings_at(std::string_view place, std::string_view content) {
  auto bare = at_place(place);
  if (!bare) return std::nullopt;
  std::string address, mtu, route, neighbour;
  std::string lasting = bare->lasting == Lasting::yes ? "lasting yes\n" : "";
  const auto sort_in = [&](const std::string& found) {
    if (found.empty()) return;
    std::string& part = found.starts_with("address")     ? address
                        : found.starts_with("mtu")       ? mtu
                        : found.starts_with("neighbour") ? neighbour
                                                         : route;
    part += found;
  };
  for (const std::string_view line : split_lines(content)) {
    if (bare->manager == Manager::network_manager) {
      if (line == "saved yes") lasting = "lasting yes\n";
      for (auto [key, part] :
           {std::pair("address ", &address), {"mtu ", &mtu}, {"route ", &route}}) {
        if (line.starts_with(key)) *part += std::string(line) + "\n";
      }
      continue;
    }
    sort_in(line_for(line));
  }
  if (bare->manager == Manager::none) {
    for (const std::string_view command : commands_of(content)) sort_in(line_for_ip(command));
  }
  const auto whole =
      parse_settings("manager " + std::string(to_string(bare->manager)) + "\ninterface " +
                     bare->interface + "\n" + address + mtu + route + neighbour + lasting);
  if (whole && settings_place(*whole) == place && settings_file(*whole) == content) return whole;
  if (bare->manager == Manager::network_manager && !lasting.empty()) bare->lasting = Lasting::yes;
  return bare;
}

std::vector<InterfaceSettings> own_settings(const std::map<std::string, facts::FileState>& own) {
  std::vector<InterfaceSettings> out;
  for (const auto& [place, file] : own) {
    if (auto settings = settings_at(place, file.content)) out.push_back(std::move(*settings));
  }
  return out;
}

}  // namespace bringup::plan
