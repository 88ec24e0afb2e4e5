#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "bringup/model/mac.hpp"
#include "bringup/platform/linux.hpp"
#include "bringup/util/text.hpp"
#include "linux_json.hpp"
#include "scan.hpp"

namespace bringup::platform::linux_kernel {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxInterfaces = 4096;

std::uint32_t number_of(const Json& object, const char* key) {
  const auto it = object.find(key);
  if (it == object.end() || !it->is_number_unsigned()) return 0;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(it->get<std::uint64_t>(), 0xffffffffU));
}

void add_addresses(const Json& entry, Interface& out) {
  for (const Json& address : list_of(entry, "addr_info")) {
    if (!address.is_object()) continue;
    const std::string local = text_of(address, "local");
    if (text_of(address, "family") == "inet6") {
      out.inet6.push_back(printable(local, 64));
      continue;
    }
    const auto parsed = model::Ipv4::parse(local);
    const std::uint32_t prefix = number_of(address, "prefixlen");
    if (text_of(address, "family") != "inet" || !parsed || prefix > 32) continue;
    out.inet.push_back({*parsed, static_cast<int>(prefix)});
  }
}

bool is_bridge(const Json& entry) {
  const auto info = entry.find("linkinfo");
  return info != entry.end() && info->is_object() && text_of(*info, "info_kind") == "bridge";
}

}  // namespace

Expected<Json> list_in(std::string_view text, std::string_view what, std::size_t most) {
  constexpr std::size_t kMaxText = std::size_t{4} << 20;
  if (text.size() > kMaxText) return malformed(what, "too long", "");
  Json document = Json::parse(text, nullptr, false);
  if (!document.is_array()) return malformed(what, "no list", text.substr(0, 80));
  if (document.size() > most) return malformed(what, "too many entries", "");
  return document;
}

std::string text_of(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

const Json& list_of(const Json& object, const char* key) {
  static const Json none = Json::array();
  const auto it = object.find(key);
  return it != object.end() && it->is_array() ? *it : none;
}

Expected<IpAddr> parse_ip_addr(std::string_view text) {
  constexpr std::string_view kWhat = "ip addr";
  const auto document = list_in(text, kWhat, kMaxInterfaces);
  if (!document) return tl::unexpected(document.error());
  IpAddr out;
  std::map<std::string, std::vector<std::string>> members;
  for (const Json& entry : *document) {
    if (!entry.is_object()) return malformed(kWhat, "an interface that is no object", "");
    Interface one;
    one.name = text_of(entry, "ifname");
    if (one.name.empty() && entry.empty()) continue;  // `ip` prints {} for what a filter left out
    if (!is_device_name(one.name)) return malformed(kWhat, "bad name of an interface", one.name);
    for (const Json& flag : list_of(entry, "flags")) {
      if (flag.is_string()) one.flags.push_back(printable(flag.get<std::string>(), 32));
    }
    const auto has = [&](std::string_view flag) {
      return std::find(one.flags.begin(), one.flags.end(), flag) != one.flags.end();
    };
    one.up = has("UP");
    one.active = has("LOWER_UP");
    one.mtu = number_of(entry, "mtu");
    one.ether = model::parse_mac(text_of(entry, "address")).value_or("");
    add_addresses(entry, one);
    if (is_bridge(entry)) out.bridges.push_back({one.name, {}});
    if (const std::string master = text_of(entry, "master"); is_device_name(master)) {
      members[master].push_back(one.name);
    }
    out.interfaces.push_back(std::move(one));
  }
  for (Bridge& bridge : out.bridges) bridge.members = members[bridge.name];
  return out;
}

}  // namespace bringup::platform::linux_kernel
