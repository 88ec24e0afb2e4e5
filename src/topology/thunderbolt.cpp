#include "bringup/topology/thunderbolt.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include <nlohmann/json.hpp>

#include "bringup/util/text.hpp"

namespace bringup::topology {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kRdmaService = 64087;  // 0xFA57, among a peer's services
constexpr std::size_t kLongest = 80;           // of any name that is kept

// Before any parser sees it: brackets outside strings are counted, nothing recurses.
bool too_deep(std::string_view text) {
  std::size_t depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kDeepestProfile) return true;
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return false;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

const Json* member(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

// A string, or a whole number as its digits; else empty.
std::string text_of(const Json& object, const char* key) {
  const Json* value = member(object, key);
  if (value == nullptr) return {};
  if (value->is_string()) return printable(trim(value->get_ref<const std::string&>()), kLongest);
  if (value->is_number_integer()) return value->dump();
  return {};
}

// 64087, 64087.0, "64087", "0xfa57"
std::optional<std::uint64_t> number_of(const Json& object, const char* key) {
  const Json* value = member(object, key);
  if (value == nullptr) return std::nullopt;
  if (value->is_number_unsigned()) return value->get<std::uint64_t>();
  if (value->is_number_float()) {
    const double number = value->get<double>();
    if (number < 0 || number > 1e15) return std::nullopt;
    const auto whole = static_cast<std::uint64_t>(number);
    return static_cast<double>(whole) == number ? std::optional(whole) : std::nullopt;
  }
  if (!value->is_string()) return std::nullopt;
  const std::string text = lower(trim(value->get_ref<const std::string&>()));
  const bool hex = text.starts_with("0x");
  const char* begin = text.data() + (hex ? 2 : 0);
  const char* end = text.data() + text.size();
  std::uint64_t number = 0;
  const auto [stop, error] = std::from_chars(begin, end, number, hex ? 16 : 10);
  if (error != std::errc() || stop != end || begin == end) return std::nullopt;
  return number;
}

// "817DCFA4-B481-4100-80FC-91C7AA969F0B"; anything else is none.
std::string domain_of(const Json& object) {
  std::string text = text_of(object, "domain_uuid_key");
  if (text.size() != 36) return {};
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const auto c = static_cast<unsigned char>(text[i]);
    if (dash ? c != '-' : std::isxdigit(c) == 0) return {};
    text[i] = static_cast<char>(std::toupper(c));
  }
  return text;
}

// "80 Gb/s", "Up to 120 Gb/s"; also "40Gb/s" and any case.
void read_speed(const std::string& words, ThunderboltPort& port) {
  std::string text = lower(words);
  constexpr std::string_view up_to = "up to";
  port.idle = text.starts_with(up_to);
  if (port.idle) text.erase(0, up_to.size());
  const std::string_view rest = trim(text);
  const std::size_t digits = rest.find_first_not_of("0123456789.");
  if (digits == 0 || digits == std::string_view::npos || digits > 8) return;
  if (trim(rest.substr(digits)) != "gb/s") return;
  double value = 0;
  double scale = 0;
  for (const char c : rest.substr(0, digits)) {
    if (c == '.') {
      if (scale != 0) return;
      scale = 1;
      continue;
    }
    value = value * 10 + (c - '0');
    scale *= 10;
  }
  if (scale > 1) value /= scale;
  if (value <= 10'000) port.gbps = value;
}

bool has_rdma(const Json& item) {
  const Json* services = member(item, "services_title");
  if (services == nullptr || !services->is_array()) return false;
  return std::any_of(services->begin(), services->end(), [](const Json& service) {
    return number_of(service, "protocol_id_key") == kRdmaService ||
           lower(text_of(service, "service_key_key")) == "rdma";
  });
}

// "Mac17,7"
bool is_mac_model(std::string_view text) {
  if (!text.starts_with("Mac") || text.find(',') == std::string_view::npos) return false;
  return std::isdigit(static_cast<unsigned char>(text.back())) != 0;
}

// A computer has a domain of its own or offers services; a dock, hub, display or drive has neither.
bool is_computer(const Json& item) {
  if (item.contains("domain_uuid_key")) return true;
  const Json* services = member(item, "services_title");
  if (services != nullptr && services->is_array() && !services->empty()) return true;
  return is_mac_model(text_of(item, "device_name_key"));
}

std::string name_of(const Json& item) {
  std::string name = text_of(item, "_name");
  if (name.empty()) name = text_of(item, "device_name_key");
  return name.empty() ? "a device without a name" : name;
}

// The depth is bounded by too_deep().
void read_items(const Json& parent, std::vector<std::string>& above, ThunderboltPort& port,
                std::size_t& count, std::vector<std::string>& oddities) {
  const Json* items = member(parent, "_items");
  if (items == nullptr) return;
  if (!items->is_array()) {
    oddities.push_back(port.bus + ": its _items are no list");
    return;
  }
  for (const Json& item : *items) {
    if (!item.is_object()) {
      oddities.push_back(port.bus + ": an item that is no object");
      continue;
    }
    if (++count > kMostAttached) return;
    const std::string name = name_of(item);
    if (is_computer(item)) {
      ThunderboltPeer peer{name, text_of(item, "device_name_key"), domain_of(item), has_rdma(item),
                           above};
      // One Mac may be listed by several routes of its dock.
      const bool known = std::any_of(port.peers.begin(), port.peers.end(), [&](const auto& one) {
        return !peer.domain.empty() && one.domain == peer.domain;
      });
      if (!known) port.peers.push_back(std::move(peer));
    } else {
      port.devices.push_back(name);
    }
    above.push_back(name);
    read_items(item, above, port, count, oddities);
    above.pop_back();
  }
}

// Always "receptacle_1_tag" so far; the number is inside.
const Json* receptacle_of(const Json& bus) {
  if (const Json* first = member(bus, "receptacle_1_tag"); first != nullptr && first->is_object()) {
    return first;
  }
  for (const auto& [key, value] : bus.items()) {
    if (key.starts_with("receptacle_") && key.ends_with("_tag") && value.is_object() &&
        value.contains("receptacle_id_key")) {
      return &value;
    }
  }
  return nullptr;
}

ThunderboltPort read_bus(const Json& bus, std::vector<std::string>& oddities) {
  ThunderboltPort port;
  port.bus = text_of(bus, "_name");
  if (port.bus.empty()) port.bus = "a bus without a name";
  port.family = text_of(bus, "device_name_key");
  port.domain = domain_of(bus);
  if (const Json* tag = receptacle_of(bus)) {
    port.receptacle = text_of(*tag, "receptacle_id_key");
    port.connected = lower(text_of(*tag, "receptacle_status_key")) == "receptacle_connected";
    read_speed(text_of(*tag, "current_speed_key"), port);
  }
  if (port.receptacle.empty()) oddities.push_back(port.bus + " has no receptacle");
  std::vector<std::string> above;
  std::size_t count = 0;
  read_items(bus, above, port, count, oddities);
  if (count > kMostAttached) oddities.push_back(port.bus + ": more items than a bus can have");
  // What is attached is plugged in, whatever the receptacle says.
  if (!port.peers.empty() || !port.devices.empty()) port.connected = true;
  return port;
}

std::size_t number_of_receptacle(const ThunderboltPort& port) {
  std::size_t number = 0;
  const char* end = port.receptacle.data() + port.receptacle.size();
  const auto [stop, error] = std::from_chars(port.receptacle.data(), end, number);
  return error == std::errc() && stop == end ? number : std::size_t{1} << 32;
}

void settle_duplicates(ThunderboltProfile& profile) {
  auto& ports = profile.ports;
  std::stable_sort(ports.begin(), ports.end(), [](const auto& a, const auto& b) {
    return number_of_receptacle(a) < number_of_receptacle(b);
  });
  for (std::size_t i = 0; i + 1 < ports.size();) {
    if (ports[i].receptacle.empty() || ports[i].receptacle != ports[i + 1].receptacle) {
      ++i;
      continue;
    }
    profile.oddities.push_back(
        fmt::format("two buses say that they are receptacle {}", ports[i].receptacle));
    if (ports[i].connected == ports[i + 1].connected) {
      ++i;  // name_interfaces() leaves both alone
    } else {
      ports.erase(ports.begin() + static_cast<std::ptrdiff_t>(ports[i].connected ? i + 1 : i));
    }
  }
}

}  // namespace

std::string ThunderboltPort::between() const {
  if (peers.empty()) return devices.empty() ? "" : devices.front();
  return join(peers.front().through, ", ");
}

Expected<ThunderboltProfile> parse_thunderbolt(std::string_view text) {
  const std::string hint = "run `system_profiler SPThunderboltDataType -json` on the Mac by hand";
  if (text.size() > kMostProfile) {
    return fail(ErrorCode::parse,
                fmt::format("the Thunderbolt profile has {} bytes, more than {}", text.size(),
                            kMostProfile),
                hint);
  }
  if (too_deep(text)) {
    return fail(ErrorCode::parse,
                fmt::format("the Thunderbolt profile is nested more than {} deep", kDeepestProfile),
                hint);
  }
  const Json root = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (root.is_discarded()) {
    return fail(ErrorCode::parse, "the Thunderbolt profile is not JSON, or was cut off", hint);
  }
  const Json* buses = member(root, "SPThunderboltDataType");
  if (buses == nullptr || !buses->is_array()) {
    return fail(ErrorCode::parse, "the Thunderbolt profile has no list SPThunderboltDataType",
                hint);
  }
  ThunderboltProfile profile;
  for (const Json& bus : *buses) {
    if (!bus.is_object()) {
      profile.oddities.emplace_back("a bus that is no object");
    } else if (profile.ports.size() == kMostPorts) {
      profile.oddities.push_back(fmt::format("more than {} buses", kMostPorts));
      break;
    } else {
      profile.ports.push_back(read_bus(bus, profile.oddities));
    }
    if (profile.oddities.size() > kMostPorts) break;
  }
  settle_duplicates(profile);
  return profile;
}

void name_interfaces(ThunderboltProfile& profile,
                     const std::vector<platform::HardwarePort>& hardware) {
  for (auto& port : profile.ports) {
    port.interface.clear();
    if (port.receptacle.empty()) continue;
    const auto same = std::count_if(profile.ports.begin(), profile.ports.end(), [&](auto& other) {
      return other.receptacle == port.receptacle;
    });
    if (same > 1) continue;
    const std::string wanted = "thunderbolt " + lower(port.receptacle);
    const platform::HardwarePort* found = nullptr;
    bool ambiguous = false;
    for (const auto& one : hardware) {
      if (lower(one.name) != wanted) continue;
      ambiguous = ambiguous || found != nullptr;
      found = &one;
    }
    if (found != nullptr && !ambiguous) port.interface = found->device;
  }
}

Expected<ThunderboltProfile> thunderbolt_profile(const facts::NodeFacts& facts) {
  if (facts.profiler_json.empty()) {
    return fail(ErrorCode::remote, "system_profiler told nothing about Thunderbolt",
                "run `system_profiler SPThunderboltDataType -json` on the Mac by hand");
  }
  auto profile = parse_thunderbolt(facts.profiler_json);
  if (profile) name_interfaces(*profile, facts.ports);
  return profile;
}

std::vector<ThunderboltPort> thunderbolt_ports(const facts::NodeFacts& facts) {
  auto profile = thunderbolt_profile(facts);
  return profile ? std::move(profile->ports) : std::vector<ThunderboltPort>{};
}

bool is_thunderbolt4_hardware(const std::vector<ThunderboltPort>& ports) {
  return std::any_of(ports.begin(), ports.end(),
                     [](const auto& one) { return one.idle && one.gbps > 0; }) &&
         std::all_of(ports.begin(), ports.end(), [](const auto& one) { return one.gbps <= 40; });
}

}  // namespace bringup::topology
