#pragma once
// Fleets and Macs for the plan's tests, built by hand: no parser stands between a test and its
// rule.
#include <string>
#include <vector>

#include "bringup/facts/node_facts.hpp"
#include "bringup/model/fleet.hpp"
#include "bringup/plan/plan.hpp"
#include "bringup/topology/ibv_matrix.hpp"

namespace bringup::plan::testing {

inline model::Ipv4 ip(std::string_view text) {
  return model::Ipv4::parse(text).value();
}
inline model::Subnet subnet(std::string_view text) {
  return model::Subnet::parse(text).value();
}

inline void add_node(model::Fleet& fleet, const std::string& name) {
  model::Node node;
  node.name = name;
  node.rank = fleet.nodes.size();
  fleet.nodes.push_back(node);
}

// "10.254.0.4/30" gives its first host to `a` and its second to `b`.
inline void add_link(model::Fleet& fleet, std::size_t a, const std::string& a_if, std::size_t b,
                     const std::string& b_if, const std::string& network) {
  model::Link link;
  link.subnet = subnet(network);
  link.ends[0] = {a, a_if, model::Ipv4(link.subnet.network().value() + 1), "rdma_" + a_if};
  link.ends[1] = {b, b_if, model::Ipv4(link.subnet.network().value() + 2), "rdma_" + b_if};
  link.where = {"fleet.toml", 10 + fleet.links.size(), 1};
  fleet.links.push_back(link);
}

inline model::Fleet pair_fleet() {
  model::Fleet fleet;
  add_node(fleet, "studio1");
  add_node(fleet, "studio2");
  add_link(fleet, 0, "en5", 1, "en5", "10.254.0.0/30");
  return fleet;
}

inline model::Fleet triangle_fleet() {
  model::Fleet fleet;
  for (const char* name : {"studio1", "studio2", "studio3"}) add_node(fleet, name);
  add_link(fleet, 0, "en3", 1, "en3", "10.254.0.0/30");
  add_link(fleet, 0, "en4", 2, "en3", "10.254.0.4/30");
  add_link(fleet, 1, "en4", 2, "en4", "10.254.0.8/30");
  return fleet;
}

inline platform::Interface port(const std::string& name) {
  platform::Interface interface;
  interface.name = name;
  interface.up = true;
  interface.mtu = 1500;
  return interface;
}

// A Mac after re-initialisation: en1..en6 in bridge0, no addresses on them, no matrix file; Wi-Fi
// on en0 carries the session.
inline facts::NodeFacts bare_mac() {
  facts::NodeFacts facts;
  facts.os = facts::Os::darwin;
  facts.uname = "Darwin";
  facts.version = {"macOS", "26.2", "25C56"};
  facts.login_user = "admin";
  platform::Interface wifi = port("en0");
  wifi.inet = {{ip("192.168.1.10"), 24}};
  facts.interfaces.push_back(wifi);
  platform::Bridge bridge{"bridge0", {}};
  facts.ibv_devices.emplace();
  for (int i = 1; i <= 6; ++i) {
    const std::string name = "en" + std::to_string(i);
    facts.interfaces.push_back(port(name));
    bridge.members.push_back(name);
    facts.ibv_devices->push_back("rdma_" + name);
  }
  facts.interfaces.push_back(port("bridge0"));
  facts.bridges.push_back(bridge);
  facts.routes = {{subnet("0.0.0.0/0"), "192.168.1.1", "en0"},
                  {subnet("192.168.1.0/24"), "link#4", "en0"}};
  facts.rdma = platform::RdmaState::enabled;
  facts.sudo = platform::SudoState::passwordless;
  facts.session_address = "192.168.1.10";
  facts.session_interface = "en0";
  facts.profiler_json = "{}";
  return facts;
}

inline platform::Interface* interface_of(facts::NodeFacts& facts, std::string_view name) {
  for (auto& interface : facts.interfaces) {
    if (interface.name == name) return &interface;
  }
  return nullptr;
}

// What a Mac does when the plan is carried out. Not the code under test: written from the facts
// about ifconfig, down to deletem that may leave a port down.
void carry_out(const NodePlan& plan, facts::NodeFacts& facts, bool deletem_leaves_down = false);

// All right already: what bare_mac() is after carry_out.
facts::NodeFacts ready_mac(const model::Fleet& fleet, std::size_t node);

inline std::vector<std::string> commands(const NodePlan& plan, Nature wanted = Nature::change) {
  std::vector<std::string> out;
  for (const auto& action : plan.actions) {
    if (nature(action) == wanted) out.push_back(action.command);
  }
  return out;
}

inline std::vector<std::string> layers(const NodePlan& plan, Severity severity) {
  std::vector<std::string> out;
  for (const auto& finding : plan.findings) {
    if (finding.severity == severity) out.push_back(finding.layer);
  }
  return out;
}

// The plan's finding; tells it when there is another number of them.
const Finding& only_finding(const NodePlan& plan);

}  // namespace bringup::plan::testing
