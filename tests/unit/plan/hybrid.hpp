#pragma once
// What stands on the nodes of test::one_edge_fleet(), by their indices: 0 is the Mac that is the
// gateway, 1 a Mac of the fabric, 2 a Pi.
#include <string>
#include <vector>

#include "bringup/plan/settings.hpp"
#include "support.hpp"
#include "support/hybrid_fleet.hpp"

namespace bringup::plan::testing {

using platform::Manager;

inline constexpr const char* kUuid = "5f1b7d2e-0000-4000-8000-00000000000b";

inline facts::NodeFacts bare_pi(Manager manager = Manager::network_manager) {
  facts::NodeFacts facts;
  facts.os = facts::Os::linux_kernel;
  facts.uname = "Linux";
  facts.login_user = "pi";
  auto wifi = port("wlan0");
  wifi.inet = {{ip("192.168.1.20"), 24}};
  facts.interfaces = {wifi, port("eth0")};
  facts.routes = {{subnet("0.0.0.0/0"), "192.168.1.1", "wlan0"},
                  {subnet("192.168.1.0/24"), "", "wlan0"}};
  facts.forwarding = false;
  facts.name_servers = {"192.168.1.1"};
  facts.sudo = platform::SudoState::passwordless;
  facts.session_address = "192.168.1.20";
  facts.session_interface = "wlan0";
  platform::Owner owner;
  owner.interface = "eth0";
  owner.manager = manager;
  if (manager == Manager::network_manager) {
    owner.profile = "Wired connection 1";
    owner.uuid = kUuid;
  }
  facts.owners = {owner};
  return facts;
}

// What bare_pi() is once the plan was carried out.
inline facts::NodeFacts ready_pi(const model::Fleet& fleet,
                                 Manager manager = Manager::network_manager) {
  auto facts = bare_pi(manager);
  const auto wanted = *wanted_settings(fleet, 2, "eth0", manager);
  interface_of(facts, "eth0")->inet = wanted.addresses;
  for (const auto& route : wanted.routes) {
    facts.routes.push_back({route.destination, route.via.to_string(), "eth0"});
  }
  if (const auto place = settings_place(wanted); !place.empty()) {
    facts.own[place] = {true, settings_file(wanted), ""};
  }
  if (manager == Manager::network_manager) facts.owners[0].profile = "bringup-eth0";
  return facts;
}

inline facts::NodeFacts bare_mini() {
  auto facts = bare_mac();
  facts.interfaces.push_back(port("en8"));
  facts.forwarding = false;
  return facts;
}

// "settings.set eth0", of its changes.
inline std::vector<std::string> tasks(const NodePlan& plan) {
  std::vector<std::string> out;
  for (const auto& action : plan.actions) {
    if (nature(action) == Nature::change) {
      out.push_back(std::string(to_string(action.task)) + " " + action.target);
    }
  }
  return out;
}

}  // namespace bringup::plan::testing
