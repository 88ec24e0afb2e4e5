#include <algorithm>
#include <charconv>
#include <cmath>

#include "bringup/platform/darwin.hpp"
#include "bringup/util/text.hpp"

namespace bringup::platform::darwin {
namespace {

constexpr std::size_t kMaxEntries = 4096;

bool says(std::string_view text, std::string_view words) {
  return text.find(words) != std::string_view::npos;
}

std::optional<std::string_view> after(std::string_view line, std::string_view prefix) {
  if (line.substr(0, prefix.size()) != prefix) return std::nullopt;
  return trim(line.substr(prefix.size()));
}

std::optional<double> decimal(std::string_view text) {
  double value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc{} || end != text.data() + text.size() || !std::isfinite(value) || value < 0) {
    return std::nullopt;
  }
  return value;
}

std::optional<int> whole(std::string_view text) {
  int value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc{} || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

// netstat abbreviates: "default", "127", "169.254", "10.254/30", "192.168.1.5", "192.168.1.5/32".
// Without a length, the octets that are written give it, and a whole address is a host.
std::optional<model::Subnet> parse_destination(std::string_view text) {
  if (text == "default") return model::Subnet::containing(model::Ipv4(0), 0);
  const auto parts = split(text, '/');
  if (parts.size() > 2) return std::nullopt;
  const auto octets = split(parts[0], '.');
  if (octets.empty() || octets.size() > 4) return std::nullopt;
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    int octet = 0;
    if (i < octets.size()) {
      const auto written = whole(octets[i]);
      if (!written || *written > 255) return std::nullopt;
      octet = *written;
    }
    value = (value << 8U) | static_cast<std::uint32_t>(octet);
  }
  int prefix = static_cast<int>(octets.size()) * 8;
  if (parts.size() == 2) {
    const auto written = whole(parts[1]);
    if (!written || *written > 32) return std::nullopt;
    prefix = *written;
  }
  return model::Subnet::containing(model::Ipv4(value), prefix);
}

}  // namespace

// "Hardware Port: Thunderbolt 1" / "Device: en5" / "Ethernet Address: …", blank line between
// blocks.
Expected<std::vector<HardwarePort>> parse_hardware_ports(std::string_view text) {
  std::vector<HardwarePort> ports;
  bool open = false;
  for (const std::string_view line : split_lines(text)) {
    if (auto name = after(line, "Hardware Port:")) {
      if (ports.size() == kMaxEntries) return fail(ErrorCode::parse, "too many hardware ports");
      ports.push_back({std::string(*name), {}, {}});
      open = true;
    } else if (auto device = after(line, "Device:"); device && open) {
      ports.back().device = std::string(*device);
    } else if (auto ether = after(line, "Ethernet Address:"); ether && open) {
      ports.back().ether = std::string(*ether);
    } else if (trim(line).empty()) {
      open = false;
    }
  }
  if (ports.empty()) {
    return fail(ErrorCode::parse,
                "networksetup listed no hardware port: '" + printable(text, 120) + "'");
  }
  return ports;
}

// Columns: Destination Gateway Flags Netif [Expire].
Expected<std::vector<Route>> parse_routes(std::string_view text) {
  std::vector<Route> routes;
  bool table = false;
  for (const std::string_view line : split_lines(text)) {
    const auto words = split_blank(line);
    if (words.empty()) continue;
    if (words[0] == "Destination") {
      table = true;
      continue;
    }
    if (!table || words.size() < 4) continue;
    const auto destination = parse_destination(words[0]);
    if (!destination) {
      return fail(ErrorCode::parse, "netstat printed a route that cannot be understood: '" +
                                        printable(line, 120) + "'");
    }
    if (routes.size() == kMaxEntries) return fail(ErrorCode::parse, "too many routes");
    routes.push_back({*destination, std::string(words[1]), std::string(words[3])});
  }
  if (!table) {
    return fail(ErrorCode::parse,
                "netstat printed no routing table: '" + printable(text, 120) + "'");
  }
  return routes;
}

Expected<std::optional<std::string>> parse_route_get(std::string_view text) {
  for (const std::string_view line : split_lines(text)) {
    if (auto name = after(trim(line), "interface:")) return std::optional(std::string(*name));
  }
  if (says(text, "not in table") || says(text, "unreachable")) return std::optional<std::string>();
  return fail(ErrorCode::parse, "route named no interface: '" + printable(text, 120) + "'");
}

RdmaState parse_rdma_status(int exit_status, std::string_view text) {
  const std::string_view word = trim(text);
  if (word == "enabled") return RdmaState::enabled;
  if (word == "disabled") return RdmaState::disabled;
  if (exit_status == 127 || says(text, "command not found") || says(text, ": not found")) {
    return RdmaState::no_tool;
  }
  return RdmaState::unknown;
}

// "    device          \t   node GUID" / "    ------ …" / "    rdma_en2        \t8096a9d9edbaac05"
Expected<std::vector<std::string>> parse_ibv_devices(std::string_view text) {
  std::vector<std::string> devices;
  bool table = false;
  for (const std::string_view line : split_lines(text)) {
    const auto words = split_blank(line);
    if (words.empty()) continue;
    if (words[0] == "device") {
      table = true;
    } else if (table && words[0].substr(0, 3) != "---" && words.size() >= 2) {
      if (devices.size() == kMaxEntries) return fail(ErrorCode::parse, "too many verbs devices");
      devices.emplace_back(words[0]);
    }
  }
  if (!table) {
    return fail(ErrorCode::parse, "ibv_devices printed no table: '" + printable(text, 120) + "'");
  }
  return devices;
}

// "ProductName:\t\tmacOS" / "ProductVersion:\t\t26.2" / "BuildVersion:\t\t25C56"
Expected<OsVersion> parse_sw_vers(std::string_view text) {
  OsVersion out;
  for (const std::string_view line : split_lines(text)) {
    if (auto product = after(line, "ProductName:")) out.product = std::string(*product);
    if (auto version = after(line, "ProductVersion:")) out.version = std::string(*version);
    if (auto build = after(line, "BuildVersion:")) out.build = std::string(*build);
  }
  if (out.version.empty()) {
    return fail(ErrorCode::parse, "sw_vers named no version: '" + printable(text, 120) + "'");
  }
  return out;
}

// "3 packets transmitted, 3 packets received, 0.0% packet loss" (also ", N packets out of wait
// time", "+N duplicates"), then "round-trip min/avg/max/stddev = a/b/c/d ms" where any came back.
Expected<PingResult> parse_ping(std::string_view text) {
  PingResult out;
  bool summary = false;
  for (const std::string_view line : split_lines(text)) {
    if (says(line, " packets transmitted, ")) {
      for (const std::string_view part : split(line, ',')) {
        const auto words = split_blank(part);
        if (words.size() < 3) continue;
        if (words[1] == "packets" && words[2] == "transmitted")
          out.transmitted = whole(words[0]).value_or(-1);
        if (words[1] == "packets" && words[2] == "received")
          out.received = whole(words[0]).value_or(-1);
        if (words[1] == "packet" && words[2] == "loss" && words[0].back() == '%') {
          const auto loss = decimal(words[0].substr(0, words[0].size() - 1));
          if (loss && *loss <= 100) {
            out.loss_percent = *loss;
            summary = true;
          }
        }
      }
    } else if (auto numbers = after(line, "round-trip min/avg/max/stddev =")) {
      const auto words = split_blank(*numbers);
      const auto parts = words.empty() ? std::vector<std::string_view>() : split(words[0], '/');
      if (parts.size() != 4 || words.size() != 2 || words[1] != "ms") continue;
      const auto min = decimal(parts[0]);
      const auto avg = decimal(parts[1]);
      const auto max = decimal(parts[2]);
      if (!min || !avg || !max) continue;
      out.min_ms = min;
      out.avg_ms = avg;
      out.max_ms = max;
      out.stddev_ms = decimal(parts[3]);  // "nan" after a single reply on some versions
    }
  }
  if (!summary || out.transmitted < 0 || out.received < 0 || out.received > out.transmitted) {
    return fail(ErrorCode::parse, "ping printed no summary: '" + printable(text, 120) + "'");
  }
  return out;
}

SudoState parse_sudo(int exit_status, std::string_view text) {
  if (exit_status == 0) return SudoState::passwordless;
  if (exit_status == 127) return SudoState::absent;
  if (says(text, "not in the sudoers") || says(text, "may not run sudo") ||
      says(text, "not allowed")) {
    return SudoState::refused;
  }
  if (says(text, "password is required") || says(text, "terminal is required")) {
    return SudoState::password_required;
  }
  return SudoState::unknown;
}

}  // namespace bringup::platform::darwin
