#include "thunderbolt.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "bringup/util/text.hpp"

namespace bringup::verify {
namespace {

using Json = nlohmann::json;

std::string text_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

// "80 Gb/s", "Up to 120 Gb/s"
void read_speed(std::string_view text, ThunderboltPort& port) {
  constexpr std::string_view up_to = "Up to ";
  port.idle = text.starts_with(up_to);
  if (port.idle) text.remove_prefix(up_to.size());
  if (!text.ends_with(" Gb/s")) return;
  double value = 0;
  for (const char c : text.substr(0, text.find(' '))) {
    if (c < '0' || c > '9' || value > 1000) return;
    value = value * 10 + (c - '0');
  }
  port.gbps = value;
}

// A Mac has a domain and a service; a dock, hub or display has neither.
std::string dock_on(const Json& bus) {
  const auto items = bus.find("_items");
  if (items == bus.end() || !items->is_array()) return "";
  for (const auto& item : *items) {
    if (!item.is_object()) continue;
    if (item.contains("domain_uuid_key") || item.contains("services_title")) return "";
    const auto name = text_of(item, "_name");
    if (!name.empty()) return printable(name, 60);
  }
  return "";
}

std::string domain_of(const Json& object) {
  return printable(text_of(object, "domain_uuid_key"), 60);
}

// The first Mac on the port, behind a dock or not: the profiler nests what hangs on what.
std::string peer_domain_on(const Json& bus) {
  constexpr int kDeepest = 8;
  const Json* at = &bus;
  for (int depth = 0; depth < kDeepest; ++depth) {
    const auto items = at->find("_items");
    if (items == at->end() || !items->is_array() || items->empty()) return "";
    at = &items->front();
    if (!at->is_object()) return "";
    if (at->contains("domain_uuid_key")) return domain_of(*at);
  }
  return "";
}

}  // namespace

std::vector<ThunderboltPort> thunderbolt_ports(const facts::NodeFacts& facts) {
  std::vector<ThunderboltPort> ports;
  if (facts.profiler_json.empty()) return ports;
  const Json root = Json::parse(facts.profiler_json, nullptr, /*allow_exceptions=*/false);
  const auto buses = root.is_object() ? root.find("SPThunderboltDataType") : root.end();
  if (!root.is_object() || buses == root.end() || !buses->is_array()) return ports;
  for (const auto& bus : *buses) {
    if (!bus.is_object()) continue;
    const auto tag = bus.find("receptacle_1_tag");
    if (tag == bus.end() || !tag->is_object()) continue;
    ThunderboltPort port;
    port.receptacle = printable(text_of(*tag, "receptacle_id_key"), 8);
    port.connected = text_of(*tag, "receptacle_status_key") == "receptacle_connected";
    read_speed(text_of(*tag, "current_speed_key"), port);
    port.dock = dock_on(bus);
    port.domain = domain_of(bus);
    port.peer_domain = peer_domain_on(bus);
    const auto hardware =
        std::find_if(facts.ports.begin(), facts.ports.end(),
                     [&](const auto& one) { return one.name == "Thunderbolt " + port.receptacle; });
    if (hardware != facts.ports.end()) port.interface = hardware->device;
    ports.push_back(std::move(port));
  }
  return ports;
}

}  // namespace bringup::verify
