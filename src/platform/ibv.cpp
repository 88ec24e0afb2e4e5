#include "bringup/platform/ibv.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <string>

#include "bringup/platform/darwin.hpp"
#include "bringup/util/text.hpp"
#include "scan.hpp"

namespace bringup::platform {
namespace {

constexpr std::string_view kWhat = "ibv_devinfo";
constexpr std::size_t kMostGids = 4096;

// "PORT_ACTIVE (4)" gives "PORT_ACTIVE".
std::string_view first_word(std::string_view text) {
  return text.substr(0, std::min(text.find_first_of(" \t,"), text.size()));
}

std::optional<std::string> canonical_gid(std::string_view text) {
  in6_addr address{};
  if (text.size() >= INET6_ADDRSTRLEN) return std::nullopt;
  if (::inet_pton(AF_INET6, std::string(text).c_str(), &address) != 1) return std::nullopt;
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  if (::inet_ntop(AF_INET6, &address, buffer.data(), buffer.size()) == nullptr) return std::nullopt;
  return std::string(buffer.data());
}

// "GID[  1]:\t\t::ffff:10.0.0.1, RoCE v2"
std::optional<IbvGid> gid_of(std::string_view key, std::string_view value) {
  const auto close = key.find(']');
  if (close == std::string_view::npos) return std::nullopt;
  const auto index = parse_number<std::uint32_t>(trim(key.substr(4, close - 4)));
  auto gid = canonical_gid(first_word(value));
  if (!index || !gid) return std::nullopt;
  return IbvGid{*index, std::move(*gid)};
}

struct Rate {
  std::optional<double> width, speed;
};

}  // namespace

Expected<std::vector<IbvPort>> parse_ibv_devinfo(std::string_view text) {
  std::vector<IbvPort> ports;
  std::string device;
  bool any_device = false;
  Rate rate;
  for (const std::string_view line : split_lines(text)) {
    if (line.size() > darwin::kMaxLine) return malformed(kWhat, "line too long", line);
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const auto key = trim(line.substr(0, colon));
    const auto value = trim(line.substr(colon + 1));
    if (key == "hca_id") {
      if (!is_device_name(value)) return malformed(kWhat, "bad device", line);
      device = value;
      any_device = true;
      continue;
    }
    if (key == "port") {
      const auto number = parse_number<std::uint32_t>(value);
      if (!number || device.empty()) return malformed(kWhat, "bad port", line);
      if (ports.size() == darwin::kMaxInterfaces) return malformed(kWhat, "too many ports", line);
      ports.push_back({device, *number, "", "", std::nullopt, {}});
      rate = {};
      continue;
    }
    if (ports.empty() || ports.back().device != device) continue;  // of the device, not of a port
    IbvPort& port = ports.back();
    if (key == "state") {
      if (!is_device_name(first_word(value))) return malformed(kWhat, "bad state", line);
      port.state = first_word(value);
    } else if (key == "link_layer") {
      if (is_device_name(first_word(value))) port.link_layer = first_word(value);
    } else if (key == "active_width" && first_word(value).ends_with("X")) {
      const auto word = first_word(value);
      rate.width = parse_decimal(word.substr(0, word.size() - 1));
    } else if (key == "active_speed") {
      rate.speed = parse_decimal(first_word(value));
    } else if (key.starts_with("GID[")) {
      auto gid = gid_of(key, value);
      if (!gid) return malformed(kWhat, "bad GID", line);
      if (port.gids.size() == kMostGids) return malformed(kWhat, "too many GIDs", line);
      port.gids.push_back(std::move(*gid));
    }
    if (rate.width && rate.speed) port.gbps = *rate.width * *rate.speed;
  }
  const bool none = text.find("No IB devices found") != std::string_view::npos;
  if (!any_device && !none) return malformed(kWhat, "no device in its output", trim(text));
  return ports;
}

std::string ipv4_gid(model::Ipv4 address) {
  return "::ffff:" + address.to_string();
}

}  // namespace bringup::platform
