#include "truth.hpp"

#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace lab_mac {
namespace {

using nlohmann::json;

Port read_port(const json& j) {
  Port port;
  port.receptacle = j.at("receptacle").get<int>();
  port.iface = j.at("iface").get<std::string>();
  port.mac = j.at("mac").get<std::string>();
  port.domain = j.at("domain").get<std::string>();
  port.switch_uid = j.at("switch_uid").get<std::string>();
  port.speed = j.value("speed", 0);
  port.dock = j.value("dock", "");
  if (const auto it = j.find("peer"); it != j.end() && it->is_object()) {
    port.peer = Peer{it->at("model").get<std::string>(), it->at("family").get<std::string>(),
                     it->at("domain").get<std::string>(), it->at("rdma").get<bool>()};
  }
  return port;
}

}  // namespace

const Fault* Truth::fault(std::string_view fault_name) const {
  for (const Fault& f : faults) {
    if (f.name == fault_name) return &f;
  }
  return nullptr;
}

bool Truth::fault_on(std::string_view fault_name, std::string_view iface) const {
  for (const Fault& f : faults) {
    if (f.name == fault_name && (f.argument.empty() || f.argument == iface)) return true;
  }
  return false;
}

const Port* Truth::port_of(std::string_view iface) const {
  for (const Port& p : ports) {
    if (p.iface == iface) return &p;
  }
  return nullptr;
}

Truth load_truth() {
  std::ifstream in(kTruthFile);
  if (!in) throw std::runtime_error(std::string("no ") + kTruthFile);
  const json j = json::parse(in);
  Truth t;
  t.name = j.at("name").get<std::string>();
  t.os_version = j.at("os_version").get<std::string>();
  t.os_build = j.at("os_build").get<std::string>();
  t.model = j.at("model").get<std::string>();
  t.family = j.at("family").get<std::string>();
  t.chip = j.at("chip").get<std::string>();
  t.memory = j.at("memory").get<long long>();
  t.cores = j.at("cores").get<int>();
  t.thunderbolt = j.at("thunderbolt").get<int>();
  t.boot_time = j.at("boot_time").get<long long>();
  t.rdma = j.at("rdma").get<bool>();
  t.forwarding_bridge = j.at("bridge").get<std::string>() == "forward";
  t.location = j.at("location").get<std::string>();
  t.services = j.at("services").get<std::vector<std::string>>();
  for (const json& p : j.at("ports")) t.ports.push_back(read_port(p));
  for (const json& l : j.at("lans")) {
    t.lans.push_back({l.at("iface").get<std::string>(), l.at("port").get<std::string>(),
                      l.at("mac").get<std::string>(), l.at("cabled").get<bool>()});
  }
  for (const json& f : j.at("faults")) {
    t.faults.push_back({f.at("name").get<std::string>(), f.at("argument").get<std::string>()});
  }
  return t;
}

}  // namespace lab_mac
