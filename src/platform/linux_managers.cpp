// Who sets interfaces up on Linux: NetworkManager and systemd-networkd.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "bringup/platform/linux.hpp"
#include "bringup/util/text.hpp"
#include "scan.hpp"

namespace bringup::platform::linux_kernel {
namespace {

constexpr std::size_t kMaxLine = 4096;
constexpr std::size_t kMaxDevices = 4096;

// Fields between colons; a backslash takes the next character as it is (nmcli(1), --terse).
std::vector<std::string> terse_fields(std::string_view line) {
  std::vector<std::string> out(1);
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\\' && i + 1 < line.size()) {
      out.back() += line[++i];
    } else if (line[i] == ':') {
      out.emplace_back();
    } else {
      out.back() += line[i];
    }
  }
  return out;
}

// "{ ip = 10.10.0.0/24, nh = 192.168.50.1, mt = 5 }; { … }" of older versions, or
// "10.10.0.0/24 192.168.50.1, …": for us only which network goes by which next hop.
std::optional<std::string> routes_of(std::string_view value) {
  std::string spaced(value);
  std::replace_if(
      spaced.begin(), spaced.end(),
      [](char c) { return std::string_view("{}=;,").find(c) != std::string_view::npos; }, ' ');
  std::vector<std::string> routes;
  for (const std::string_view word : split_blank(spaced)) {
    const auto subnet = model::Subnet::parse(word);
    const auto address = model::Ipv4::parse(word);
    if (subnet) {
      routes.push_back(subnet->to_string());
    } else if (address) {
      if (routes.empty() || routes.back().find(' ') != std::string::npos) return std::nullopt;
      routes.back() += " " + address->to_string();
    }
  }
  std::sort(routes.begin(), routes.end());
  std::string out;
  for (const auto& route : routes) out += "route " + route + "\n";
  return out;
}

}  // namespace

bool is_uuid(std::string_view text) {
  return text.size() == 36 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == '-';
         });
}

Expected<std::vector<Owner>> parse_nmcli_devices(std::string_view text) {
  std::vector<Owner> out;
  for (const std::string_view line : split_lines(text)) {
    if (line.empty()) continue;
    if (line.size() > kMaxLine) return malformed("nmcli", "line too long", line);
    const auto fields = terse_fields(line);
    if (fields.size() != 4 || out.size() == kMaxDevices) {
      return malformed("nmcli", "not a device's line", line);
    }
    // Bluetooth devices have addresses for names, and Wi-Fi has peers: none of our interfaces.
    if (!is_device_name(fields[0])) continue;
    if (fields[1] == "unmanaged" || fields[1] == "connected (externally)") continue;
    out.push_back({fields[0], Manager::network_manager, printable(fields[3], 120),
                   is_uuid(fields[2]) ? fields[2] : std::string()});
  }
  return out;
}

Expected<std::string> parse_nmcli_profile(std::string_view text) {
  std::string interface, method, addresses, routes, never_default, mtu, autoconnect;
  for (const std::string_view line : split_lines(text)) {
    if (line.size() > kMaxLine) return malformed("nmcli", "line too long", line);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view key = line.substr(0, colon);
    std::string* member = key == "connection.interface-name" ? &interface
                          : key == "connection.autoconnect"  ? &autoconnect
                          : key == "ipv4.method"             ? &method
                          : key == "ipv4.addresses"          ? &addresses
                          : key == "ipv4.never-default"      ? &never_default
                          : key == "ipv4.routes"             ? &routes
                          : key == "802-3-ethernet.mtu"      ? &mtu
                                                             : nullptr;
    if (member == nullptr) continue;
    std::string value;
    for (const auto& field : terse_fields(line.substr(colon + 1))) {
      value += (value.empty() ? "" : ":") + field;
    }
    *member = printable(value, 2000);
  }
  const auto hops = routes_of(routes);
  if (interface.empty() || method.empty() || !hops) {
    return malformed("nmcli", "not a connection's settings", text.substr(0, 80));
  }
  std::string out = fmt::format("interface {}\n", interface);
  if (method != "manual") out += fmt::format("method {}\n", method);
  if (autoconnect != "yes") out += "autoconnect no\n";
  if (never_default != "yes") out += "never-default no\n";
  for (const std::string_view one : split(addresses, ',')) {
    if (!trim(one).empty()) out += fmt::format("address {}\n", trim(one));
  }
  if (mtu != "auto" && mtu != "0" && !mtu.empty()) out += fmt::format("mtu {}\n", mtu);
  return out + *hops;
}

Expected<std::vector<std::string>> parse_networkctl(std::string_view text) {
  std::vector<std::string> out;
  for (const std::string_view line : split_lines(text)) {
    if (line.size() > kMaxLine) return malformed("networkctl", "line too long", line);
    const auto words = split_blank(line);
    // Without its service: "WARNING: systemd-networkd is not running, output will be incomplete."
    if (words.empty() || words[0] == "WARNING:") continue;
    // "  2 eth0 ether routable configured"
    if (words.size() < 5 || !parse_number<unsigned>(words[0]) || out.size() == kMaxDevices) {
      return malformed("networkctl", "not an interface's line", line);
    }
    if (!is_device_name(words[1])) continue;
    if (words[4] == "unmanaged" || words[4] == "n/a") continue;
    out.emplace_back(words[1]);
  }
  return out;
}

}  // namespace bringup::platform::linux_kernel
