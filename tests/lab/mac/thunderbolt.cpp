// system_profiler: the Thunderbolt tree and a little hardware, as `-json` prints them.
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>

#include "commands.hpp"
#include "kernel.hpp"

namespace lab_mac {
namespace {

using nlohmann::json;

// A stable UUID-shaped value for services, which nothing compares.
std::string service_uuid(const std::string& seed) {
  const std::size_t a = std::hash<std::string>{}(seed), b = std::hash<std::string>{}(seed + "'");
  char text[40];
  std::snprintf(text, sizeof text, "%08zX-%04zX-4%03zX-A%03zX-%012zX", a >> 32 & 0xffffffffU,
                a & 0xffffU, a >> 16 & 0xfffU, b & 0xfffU, b >> 16 & 0xffffffffffffU);
  return text;
}

json peer_item(const Peer& peer) {
  json services = json::array({{{"_name", "service_ip"},
                                {"protocol_id_key", 1},
                                {"protocol_revision_key", 1},
                                {"protocol_version_key", 1},
                                {"service_uuid_key", service_uuid(peer.domain + "ip")}}});
  // 64087 under the peer says that the peer has RDMA on.
  if (peer.rdma) {
    services.push_back({{"_name", "unknown_xd_service"},
                        {"protocol_id_key", 64087},
                        {"protocol_revision_key", 0},
                        {"protocol_version_key", 1},
                        {"service_key_key", "\u02c7\u02c7\u02c7\u02c7\u02c7\u02c7AD"},
                        {"service_uuid_key", service_uuid(peer.domain + "rdma")}});
  }
  return {{"_name", peer.family},           {"device_id_key", "0xA"},
          {"device_name_key", peer.model},  {"domain_uuid_key", peer.domain},
          {"services_title", services},     {"vendor_id_key", "0x0A27"},
          {"vendor_name_key", "Apple Inc."}};
}

json dock_item(const std::string& name, const json& behind, int speed) {
  const json leg = {{"current_speed_key", std::to_string(speed) + " Gb/s"},
                    {"link_status_key", "0x2"},
                    {"receptacle_status_key", "receptacle_connected"}};
  json item = {{"_name", name},
               {"device_name_key", name},
               {"mode_key", "thunderbolt_three"},
               {"receptacle_2_tag", leg},
               {"receptacle_upstream_ambiguous_tag", leg},
               {"route_string_key", "1"},
               {"vendor_name_key", "OWC"}};
  if (!behind.is_null()) item["_items"] = json::array({behind});
  return item;
}

json bus(const Truth& truth, const Port& port) {
  const bool linked = port.speed > 0;
  const std::string idle = truth.thunderbolt >= 5 ? "Up to 120 Gb/s" : "Up to 40 Gb/s";
  json receptacle = {{"current_speed_key", linked ? std::to_string(port.speed) + " Gb/s" : idle},
                     {"link_status_key", linked ? "0x2" : "0x100"},
                     {"receptacle_id_key", std::to_string(port.receptacle)},
                     {"receptacle_status_key",
                      linked ? "receptacle_connected" : "receptacle_no_devices_connected"}};
  if (linked) receptacle["micro_version_key"] = "0.0.0";
  json out = {{"_name", "thunderboltusb4_bus_" + std::to_string(port.receptacle - 1)},
              {"device_name_key", truth.family},
              {"domain_uuid_key", port.domain},
              {"receptacle_1_tag", receptacle},
              {"route_string_key", "0"},
              {"switch_uid_key", port.switch_uid},
              {"vendor_name_key", "Apple Inc."}};
  json peer;
  if (linked && port.peer) peer = peer_item(*port.peer);
  if (linked && !port.dock.empty()) peer = dock_item(port.dock, peer, port.speed);
  if (!peer.is_null()) out["_items"] = json::array({peer});
  return out;
}

json thunderbolt(const Truth& truth) {
  std::vector<const Port*> ports;
  for (const Port& p : truth.ports) ports.push_back(&p);
  // Buses come in descending number.
  std::sort(ports.begin(), ports.end(),
            [](const Port* a, const Port* b) { return a->receptacle > b->receptacle; });
  json out = json::array();
  for (const Port* p : ports) out.push_back(bus(truth, *p));
  return out;
}

json hardware(const Truth& truth) {
  return json::array({{{"_name", "hardware_overview"},
                       {"chip_type", truth.chip},
                       {"machine_model", truth.model},
                       {"machine_name", truth.family},
                       {"number_processors", "proc " + std::to_string(truth.cores)},
                       {"physical_memory", std::to_string(truth.memory >> 30) + " GB"}}});
}

// Apple's writer puts a space on both sides of the colon; nlohmann's does not.
std::string apple_json(const json& value, int depth = 0) {
  const std::string pad(static_cast<std::size_t>(depth) * 2 + 2, ' ');
  const std::string end(static_cast<std::size_t>(depth) * 2, ' ');
  std::string out;
  if (value.is_object()) {
    if (value.empty()) return "{\n\n" + end + "}";
    for (const auto& [key, member] : value.items()) {
      out += (out.empty() ? "{\n" : ",\n") + pad + json(key).dump() + " : " +
             apple_json(member, depth + 1);
    }
    return out + "\n" + end + "}";
  }
  if (value.is_array()) {
    if (value.empty()) return "[\n\n" + end + "]";
    for (const json& member : value) {
      out += (out.empty() ? "[\n" : ",\n") + pad + apple_json(member, depth + 1);
    }
    return out + "\n" + end + "]";
  }
  return value.dump();
}

void flood(long long bytes) {
  const std::string line(1023, 'x');
  for (long long sent = 0; sent < bytes; sent += 1024) {
    if (std::puts(line.c_str()) < 0) return;
  }
}

void garbage() {
  unsigned state = 1;
  for (int k = 0; k < 65536; ++k) {
    state = state * 1664525U + 1013904223U;
    std::putchar(static_cast<int>(state >> 24));
  }
  // Escape sequences that would retitle, clear and recolour a terminal which prints them raw.
  std::fputs("\033]0;owned\007\033[2J\033[31m\033[1A{\"SPThunderboltDataType\":[", stdout);
}

// Whether a fault has already said everything.
bool misbehave(const Truth& truth) {
  if (const Fault* slow = truth.fault("profiler-slow")) {
    std::this_thread::sleep_for(
        std::chrono::milliseconds(static_cast<int>(1000 * std::atof(slow->argument.c_str()))));
  }
  if (truth.fault("profiler-hang") != nullptr) {
    for (;;) ::pause();
  }
  if (truth.fault("flood") != nullptr) {
    const std::string& mb = truth.fault("flood")->argument;
    flood((mb.empty() ? 100 : std::atoll(mb.c_str())) << 20);
    return true;
  }
  if (truth.fault("garbage") != nullptr) {
    garbage();
    return true;
  }
  if (truth.fault("profiler-empty") != nullptr) {
    std::puts("{\n  \"SPThunderboltDataType\" : [\n\n  ]\n}");
    return true;
  }
  if (truth.fault("profiler-says") != nullptr) {
    std::cout << std::ifstream(std::string(kMarks) + "/profiler-says.text").rdbuf() << std::flush;
    return true;
  }
  return false;
}

void print_text(const json& types) {
  for (const auto& [type, items] : types.items()) {
    std::printf("%s:\n\n", type == "SPThunderboltDataType" ? "Thunderbolt/USB4" : "Hardware");
    for (const json& item : items) {
      std::printf("    %s:\n\n", item.value("_name", "").c_str());
      for (const auto& [key, member] : item.items()) {
        if (member.is_string()) {
          std::printf("      %s: %s\n", key.c_str(), member.get<std::string>().c_str());
        }
      }
      std::printf("\n");
    }
  }
}

}  // namespace

int system_profiler(const Truth& truth, const Arguments& argv) {
  json types = json::object();
  bool as_json = false;
  for (std::size_t k = 1; k < argv.size(); ++k) {
    if (argv[k] == "-json") as_json = true;
    if (argv[k] == "SPThunderboltDataType") types[argv[k]] = thunderbolt(truth);
    if (argv[k] == "SPHardwareDataType") types[argv[k]] = hardware(truth);
    if (argv[k] == "-detailLevel" || argv[k] == "-timeout") ++k;
  }
  if (types.contains("SPThunderboltDataType") && misbehave(truth)) return 0;
  if (as_json) {
    std::printf("%s\n", apple_json(types).c_str());
  } else {
    print_text(types);
  }
  return 0;
}

}  // namespace lab_mac
