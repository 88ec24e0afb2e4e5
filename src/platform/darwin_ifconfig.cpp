#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "bringup/model/mac.hpp"
#include "bringup/platform/darwin.hpp"
#include "bringup/util/text.hpp"
#include "scan.hpp"

namespace bringup::platform::darwin {
namespace {

constexpr std::string_view kWhat = "ifconfig";
constexpr std::size_t kMaxPerInterface = 1024;

// "en5: flags=8863<UP,BROADCAST> mtu 1500", perhaps with " index 11" behind it.
Expected<Interface> parse_header(std::string_view line) {
  Interface out;
  const std::size_t colon = line.find(": flags=");
  if (colon == std::string_view::npos)
    return malformed(kWhat, "neither interface nor detail", line);
  out.name = line.substr(0, colon);
  if (!is_device_name(out.name)) return malformed(kWhat, "bad interface name", line);

  const std::size_t open = line.find('<', colon);
  const std::size_t close = line.find('>', colon);
  if (open == std::string_view::npos || close == std::string_view::npos || close < open)
    return malformed(kWhat, "interface without flags", line);
  for (const std::string_view flag : split(line.substr(open + 1, close - open - 1), ',')) {
    if (flag.empty()) continue;  // "flags=0<>"
    if (!is_device_name(flag)) return malformed(kWhat, "bad flag", line);
    out.flags.emplace_back(flag);
    if (flag == "UP") out.up = true;
  }

  const auto words = split_blank(line.substr(close + 1));
  if (words.size() < 2 || words[0] != "mtu") return malformed(kWhat, "interface without MTU", line);
  const auto mtu = parse_number<std::uint32_t>(words[1]);
  if (!mtu) return malformed(kWhat, "bad MTU", line);
  out.mtu = *mtu;
  return out;
}

// "inet 10.254.0.1 netmask 0xfffffffc broadcast 10.254.0.3", and point to point
// "inet 10.8.0.2 --> 10.8.0.1 netmask 0xffffffff".
Expected<model::InterfaceAddress> parse_inet(const std::vector<std::string_view>& words,
                                             std::string_view line) {
  if (words.size() < 2) return malformed(kWhat, "bad address", line);
  const auto address = model::Ipv4::parse(words[1]);
  if (!address) return malformed(kWhat, "bad address", line);
  std::size_t at = 2;
  if (words.size() > 3 && words[2] == "-->") {
    if (!model::Ipv4::parse(words[3])) return malformed(kWhat, "bad address", line);
    at = 4;
  }
  if (words.size() < at + 2 || words[at] != "netmask")
    return malformed(kWhat, "address without netmask", line);
  const auto prefix = parse_netmask(words[at + 1]);
  if (!prefix) return malformed(kWhat, "bad netmask", line);
  return model::InterfaceAddress{*address, *prefix};
}

// "fe80::1021:1bac:fe1:b5e3%en5"
bool is_inet6(std::string_view text) {
  const std::size_t percent = text.find('%');
  if (percent != std::string_view::npos && !is_device_name(text.substr(percent + 1))) return false;
  // inet_pton stops at a NUL, which may hide anything behind it.
  const std::string_view address = text.substr(0, percent);
  if (address.find_first_not_of("0123456789abcdefABCDEF:.") != std::string_view::npos) return false;
  std::array<unsigned char, sizeof(in6_addr)> ignored{};
  return inet_pton(AF_INET6, std::string(address).c_str(), ignored.data()) == 1;
}

// Takes one indented line of an interface's block.
Expected<void> take_detail(Interface& interface, std::vector<std::string>& members,
                           std::string_view line) {
  const auto words = split_blank(line);
  if (words.empty()) return {};
  if (interface.inet.size() + interface.inet6.size() + members.size() >= kMaxPerInterface)
    return malformed(kWhat, "too many addresses or members on one interface", line);
  if (words[0] == "inet") {
    auto address = parse_inet(words, line);
    if (!address) return tl::unexpected(std::move(address.error()));
    interface.inet.push_back(*address);
  } else if (words[0] == "inet6") {
    if (words.size() < 2 || !is_inet6(words[1])) return malformed(kWhat, "bad IPv6 address", line);
    interface.inet6.emplace_back(words[1]);
  } else if (words[0] == "ether") {
    const auto mac = words.size() == 2 ? model::parse_mac(words[1]) : std::nullopt;
    if (!mac) return malformed(kWhat, "bad Ethernet address", line);
    interface.ether = *mac;
  } else if (words[0] == "member:") {
    if (words.size() < 2 || !is_device_name(words[1]))
      return malformed(kWhat, "bad bridge member", line);
    if (std::find(members.begin(), members.end(), words[1]) == members.end())
      members.emplace_back(words[1]);
  } else if (words[0] == "status:") {
    if (trim(line) == "status: active") interface.active = true;
    if (trim(line) == "status: inactive") interface.active = false;
  }
  return {};
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace

Expected<Ifconfig> parse_ifconfig(std::string_view text) {
  Ifconfig out;
  std::vector<std::string> members;
  const auto finish = [&] {
    if (out.interfaces.empty()) return;
    const std::string& name = out.interfaces.back().name;
    if (name.starts_with("bridge") || !members.empty()) out.bridges.push_back({name, members});
    members.clear();
  };
  for (const std::string_view line : split_lines(text)) {
    if (line.size() > kMaxLine) return malformed(kWhat, "line too long", line);
    if (trim(line).empty()) continue;
    if (line.front() == ' ' || line.front() == '\t') {
      if (out.interfaces.empty()) return malformed(kWhat, "detail before any interface", line);
      auto taken = take_detail(out.interfaces.back(), members, line);
      if (!taken) return tl::unexpected(std::move(taken.error()));
      continue;
    }
    finish();
    auto interface = parse_header(line);
    if (!interface) return tl::unexpected(std::move(interface.error()));
    if (out.interfaces.size() == kMaxInterfaces)
      return malformed(kWhat, "too many interfaces", line);
    for (const Interface& other : out.interfaces)
      if (other.name == interface->name) return malformed(kWhat, "interface listed twice", line);
    out.interfaces.push_back(std::move(*interface));
  }
  finish();
  if (out.interfaces.empty()) return malformed(kWhat, "no interface in its output", "");
  return out;
}

std::optional<IfconfigFailure> classify_ifconfig(int exit_status, std::string_view text) {
  if (contains(text, "does not exist") || contains(text, "Device not configured") ||
      contains(text, "no such interface"))
    return IfconfigFailure::no_interface;
  if (contains(text, "Operation not permitted") || contains(text, "ermission denied"))
    return IfconfigFailure::not_permitted;
  // The errno behind BRDGDEL for a non-member was inferred, not captured: any other one counts too.
  if (contains(text, "BRDGDEL")) return IfconfigFailure::not_a_member;
  if (contains(text, "Invalid argument") || contains(text, "bad value"))
    return IfconfigFailure::invalid;
  if (contains(text, "ioctl (SIOC") || exit_status != 0) return IfconfigFailure::other;
  return std::nullopt;
}

}  // namespace bringup::platform::darwin
