#include <algorithm>
#include <string>

#include "bringup/model/mac.hpp"
#include "bringup/platform/darwin.hpp"
#include "bringup/util/text.hpp"
#include "ping_summary.hpp"
#include "scan.hpp"

namespace bringup::platform::darwin {
namespace {

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// "Hardware Port: Wi-Fi" gives "Wi-Fi" for "Hardware Port".
std::optional<std::string_view> value_of(std::string_view line, std::string_view key) {
  if (!line.starts_with(key) || line.size() <= key.size() || line[key.size()] != ':')
    return std::nullopt;
  return trim(line.substr(key.size() + 1));
}

// A version, a build or a product: what may be shown without a second look.
bool is_plain_text(std::string_view text) {
  return !text.empty() && text.size() <= 64 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

}  // namespace

Expected<std::vector<HardwarePort>> parse_hardware_ports(std::string_view text) {
  constexpr std::string_view kWhat = "networksetup";
  std::vector<HardwarePort> out;
  for (const std::string_view line : split_lines(text)) {
    if (line.size() > kMaxLine) return malformed(kWhat, "line too long", line);
    if (trim(line) == "VLAN Configurations") break;
    if (trim(line).empty()) continue;
    if (const auto name = value_of(line, "Hardware Port")) {
      if (!out.empty() && out.back().device.empty())
        return malformed(kWhat, "hardware port without a device", out.back().name);
      if (out.size() == kMaxInterfaces) return malformed(kWhat, "too many hardware ports", line);
      if (name->empty() || name->size() > 256) return malformed(kWhat, "bad hardware port", line);
      out.push_back({printable(*name, 256), "", ""});
      continue;
    }
    if (out.empty()) return malformed(kWhat, "not a hardware port", line);
    if (const auto device = value_of(line, "Device")) {
      if (!is_device_name(*device) || !out.back().device.empty())
        return malformed(kWhat, "bad device", line);
      out.back().device = *device;
    } else if (const auto ether = value_of(line, "Ethernet Address")) {
      out.back().ether = model::parse_mac(*ether).value_or("");  // "N/A" on ports without one
    } else if (!contains(line, ": ")) {
      return malformed(kWhat, "not a hardware port", line);
    }
  }
  if (out.empty()) return malformed(kWhat, "no hardware port in its output", trim(text));
  if (out.back().device.empty())
    return malformed(kWhat, "hardware port without a device", out.back().name);
  return out;
}

Expected<std::string> parse_location(std::string_view text) {
  const std::string_view name = trim(text);
  if (name.empty() || name.size() > 256 || name.starts_with("**") || contains(name, "\n"))
    return malformed("networksetup", "not a location", name);
  return printable(name, 256);
}

RdmaState parse_rdma_status(int exit_status, std::string_view text) {
  if (exit_status == 127 || contains(text, "command not found")) return RdmaState::no_tool;
  const std::string_view word = trim(text);
  if (word == "enabled") return RdmaState::enabled;
  if (word == "disabled") return RdmaState::disabled;
  // Some releases may say it in a sentence; one that says both, or neither, says nothing.
  const bool on = contains(text, "enabled");
  const bool off = contains(text, "disabled");
  if (on == off || exit_status != 0) return RdmaState::unknown;
  return on ? RdmaState::enabled : RdmaState::disabled;
}

Expected<std::vector<std::string>> parse_ibv_devices(std::string_view text) {
  constexpr std::string_view kWhat = "ibv_devices";
  std::vector<std::string> out;
  enum class At { header, rule, rows } at = At::header;
  for (const std::string_view line : split_lines(text)) {
    if (line.size() > kMaxLine) return malformed(kWhat, "line too long", line);
    const auto words = split_blank(line);
    if (words.empty()) continue;
    switch (at) {
      case At::header:
        if (words.size() != 3 || words[0] != "device" || words[1] != "node" || words[2] != "GUID")
          return malformed(kWhat, "unknown columns", line);
        at = At::rule;
        break;
      case At::rule:
        if (words[0].find_first_not_of('-') != std::string_view::npos)
          return malformed(kWhat, "unknown columns", line);
        at = At::rows;
        break;
      case At::rows:
        if (words.size() != 2 || !is_device_name(words[0]) || words[1].size() != 16 ||
            words[1].find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos)
          return malformed(kWhat, "not a device", line);
        if (out.size() == kMaxInterfaces) return malformed(kWhat, "too many devices", line);
        out.emplace_back(words[0]);
        break;
    }
  }
  if (at != At::rows) return malformed(kWhat, "no device table in its output", trim(text));
  return out;
}

Expected<OsVersion> parse_sw_vers(std::string_view text) {
  constexpr std::string_view kWhat = "sw_vers";
  OsVersion out;
  for (const std::string_view line : split_lines(text)) {
    if (line.size() > kMaxLine) return malformed(kWhat, "line too long", line);
    for (const auto& [key, member] : {std::pair{"ProductName", &OsVersion::product},
                                      std::pair{"ProductVersion", &OsVersion::version},
                                      std::pair{"BuildVersion", &OsVersion::build}}) {
      const auto value = value_of(line, key);
      if (!value) continue;
      if (!is_plain_text(*value)) return malformed(kWhat, "bad value", line);
      out.*member = *value;
    }
  }
  if (out.product.empty() || out.version.empty() || out.build.empty())
    return malformed(kWhat, "product, version or build is missing", trim(text));
  return out;
}

Expected<PingResult> parse_ping(std::string_view text) {
  return parse_ping_summary(text, {"packets received", "round-trip min/avg/max/stddev"});
}

SudoState parse_sudo(int exit_status, std::string_view text) {
  if (exit_status == 0) return SudoState::passwordless;
  if (exit_status == 127 || contains(text, "command not found")) return SudoState::absent;
  for (const std::string_view refusal :
       {"not in the sudoers file", "may not run sudo", "is not allowed to", "Permission denied"})
    if (contains(text, refusal)) return SudoState::refused;
  for (const std::string_view want :
       {"a password is required", "a terminal is required", "no tty present"})
    if (contains(text, want)) return SudoState::password_required;
  return SudoState::unknown;
}

}  // namespace bringup::platform::darwin
