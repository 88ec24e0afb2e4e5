#include <algorithm>
#include <cstdint>

#include "bringup/platform/darwin.hpp"
#include "bringup/util/text.hpp"
#include "scan.hpp"

namespace bringup::platform::darwin {
namespace {

constexpr std::string_view kWhat = "netstat";

// "default", "127", "10.254/30", "10.0.0.9", "10.254.0.1/32".
std::optional<model::Subnet> parse_destination(std::string_view text) {
  if (text == "default") return model::Subnet{};
  const std::size_t slash = text.find('/');
  const auto octets = split(text.substr(0, slash), '.');
  if (octets.size() > 4) return std::nullopt;
  std::uint32_t address = 0;
  for (const std::string_view octet : octets) {
    const auto value = parse_number<std::uint8_t>(octet);
    if (!value || octet.size() > 3) return std::nullopt;
    address = (address << 8U) | *value;
  }
  // Bytes that were left out are zero; without a prefix length the mask covers those printed.
  address = static_cast<std::uint32_t>(std::uint64_t{address} << (8 * (4 - octets.size())));
  int prefix = static_cast<int>(8 * octets.size());
  if (slash != std::string_view::npos) {
    const auto given = parse_number<unsigned>(text.substr(slash + 1));
    if (!given || *given > 32) return std::nullopt;
    prefix = static_cast<int>(*given);
  }
  const model::Subnet subnet = model::Subnet::containing(model::Ipv4(address), prefix);
  if (subnet.network().value() != address) return std::nullopt;
  return subnet;
}

// An address, "link#9", a MAC with single digits ("2:0:0:0:0:4") or an interface.
bool is_gateway(std::string_view text) {
  if (text.empty() || text.size() > 64) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '#' || c == ':' || c == '_' || c == '-' || c == '%';
  });
}

// "  interface: en5" gives "en5" for "interface".
std::optional<std::string_view> value_of(std::string_view line, std::string_view key) {
  line = trim(line);
  if (!line.starts_with(key) || line.size() <= key.size() || line[key.size()] != ':')
    return std::nullopt;
  return trim(line.substr(key.size() + 1));
}

}  // namespace

Expected<std::vector<Route>> parse_routes(std::string_view text) {
  std::vector<Route> out;
  std::size_t netif = 0;  // column; 0: no header yet. Older releases print Refs and Use before it.
  for (const std::string_view line : split_lines(text)) {
    if (line.size() > kMaxLine) return malformed(kWhat, "line too long", line);
    const auto words = split_blank(line);
    if (words.empty() || trim(line) == "Routing tables" || words[0] == "Internet:") continue;
    if (words[0] == "Internet6:") break;
    if (words[0] == "Destination") {
      const auto found = std::find(words.begin(), words.end(), "Netif");
      if (words.size() < 4 || words[1] != "Gateway" || words[2] != "Flags" || found == words.end())
        return malformed(kWhat, "unknown columns", line);
      netif = static_cast<std::size_t>(found - words.begin());
      continue;
    }
    if (netif == 0) return malformed(kWhat, "route before the header", line);
    if (words.size() <= netif) return malformed(kWhat, "route cut short", line);
    const auto destination = parse_destination(words[0]);
    if (!destination) return malformed(kWhat, "bad destination", line);
    if (!is_gateway(words[1])) return malformed(kWhat, "bad gateway", line);
    if (!is_device_name(words[netif])) return malformed(kWhat, "bad interface name", line);
    if (words[2].find('W') != std::string_view::npos) continue;
    if (out.size() == kMaxRoutes) return malformed(kWhat, "too many routes", line);
    out.push_back({*destination, std::string(words[1]), std::string(words[netif])});
  }
  if (netif == 0) return malformed(kWhat, "no routing table in its output", "");
  return out;
}

Expected<std::optional<std::string>> parse_route_get(std::string_view text) {
  std::optional<std::string> out;
  for (const std::string_view line : split_lines(text)) {
    if (line.size() > kMaxLine) return malformed("route", "line too long", line);
    const auto value = value_of(line, "interface");
    if (!value) continue;
    if (!is_device_name(*value) || out) return malformed("route", "bad interface", line);
    out = *value;
  }
  if (out) return out;
  if (text.find("not in table") != std::string_view::npos ||
      text.find("unreachable") != std::string_view::npos)
    return out;
  return malformed("route", "no interface in its output", trim(text));
}

}  // namespace bringup::platform::darwin
