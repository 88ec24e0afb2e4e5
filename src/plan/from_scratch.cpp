#include <fmt/format.h>

#include <algorithm>

#include "bringup/model/canonical.hpp"
#include "bringup/plan/commands.hpp"
#include "bringup/plan/persist.hpp"
#include "bringup/plan/plan.hpp"
#include "bringup/topology/ibv_matrix.hpp"
#include "bringup/topology/routes.hpp"
#include "bringup/util/digest.hpp"
#include "bringup/util/shell.hpp"
#include "differ.hpp"
#include "settings_undo.hpp"

namespace bringup::plan {
namespace {

constexpr int kBridges =
    10;  // macOS itself makes bridge0; 0..9 is the range people are told to scan

Action make(Task task, std::string target, std::string command, std::string why,
            std::string expected) {
  Action action;
  action.task = task;
  action.target = std::move(target);
  action.command = std::move(command);
  action.why = std::move(why);
  action.expected = std::move(expected);
  return action;
}

class Scratch {
 public:
  Scratch(const model::Fleet& fleet, std::size_t node)
      : sudo_(fleet.nodes.at(node).become != model::Become::none) {
    plan_.node = fleet.nodes.at(node).name;
  }

  void add(Action action) {
    if (action.shown.empty()) action.shown = shown_command(action.command, action.root && sudo_);
    plan_.actions.push_back(std::move(action));
  }

  void scan_bridges(const std::string& interface) {
    for (int number = 0; number < kBridges; ++number) {
      const std::string bridge = fmt::format("bridge{}", number);
      Action action = make(Task::bridge_detach, interface, detach_command(bridge, interface),
                           fmt::format("if {} is a member of {}", interface, bridge),
                           fmt::format("{} in no bridge", interface));
      action.undo = attach_command(bridge, interface);
      action.shown = fmt::format("ifconfig {} | grep -q 'member: {} ' && {}", bridge, interface,
                                 shown_command(action.command, sudo_));
      add(std::move(action));
    }
  }

  [[nodiscard]] std::string_view sudo() const { return sudo_ ? "sudo " : ""; }

  NodePlan take() { return std::move(plan_); }

 private:
  bool sudo_;
  NodePlan plan_;
};

// Before a node was asked, the names of its interfaces tell its system: macOS has en0, bridge0.
bool is_linux(const std::vector<LocalEnd>& ends) {
  const auto darwin = [](const std::string& name) {
    const std::size_t digits = name.starts_with("en") ? 2 : name.starts_with("bridge") ? 6 : 0;
    return digits != 0 && name.size() > digits &&
           name.find_first_not_of("0123456789", digits) == std::string::npos;
  };
  return std::ranges::any_of(ends, [&](const LocalEnd& end) { return !darwin(end.interface); });
}

void forwarding(const model::Fleet& fleet, std::size_t node, facts::Os os, Scratch& scratch) {
  if (!topology::forwards(fleet, node)) return;
  const Lasting lasting =
      fleet.persist && os != facts::Os::darwin ? Lasting::yes : Lasting::until_reboot;
  Action action =
      make(Task::forwarding_enable, "forwarding", forwarding_command(os, Forwarding::on, lasting),
           "a gateway forwards", "IPv4 packets forwarded");
  action.content = lasting == Lasting::yes ? "lasting\n" : "";
  action.shown = forwarding_command(os, Forwarding::on, lasting, scratch.sudo());
  action.undo = forwarding_command(os, Forwarding::off, Lasting::until_reboot);
  scratch.add(std::move(action));
}

// A Linux node, as if nobody managed its interfaces.
void settings(const model::Fleet& fleet, std::size_t node, const std::vector<LocalEnd>& ends,
              Scratch& scratch) {
  std::vector<std::string> done;
  for (const auto& end : ends) {
    if (std::ranges::find(done, end.interface) != done.end()) continue;
    done.push_back(end.interface);
    const auto wanted = wanted_settings(fleet, node, end.interface, platform::Manager::none);
    if (!wanted) continue;
    Action action = settings_action(Task::settings_set, *wanted, scratch.sudo());
    action.why =
        end.what + "; through NetworkManager, netplan or networkd where one of them has it";
    action.undo = drop_settings_command(*wanted);
    action.expected = fmt::format("{} on {}", end.wanted.to_string(), end.interface);
    scratch.add(std::move(action));
  }
  forwarding(fleet, node, facts::Os::linux_kernel, scratch);
}

// What a Mac needs to reach, and to be, a gateway.
void network(const model::Fleet& fleet, std::size_t node, const std::vector<LocalEnd>& ends,
             Scratch& scratch) {
  for (const auto& route : topology::routes_of(fleet, node)) {
    Action action =
        make(Task::route_add, route.interface, route_add_command(route.destination, route.via),
             fmt::format("{} forwards to {}", fleet.nodes[route.next].name, route.destination_name),
             fmt::format("{} by {}", route.destination.to_string(), route.via.to_string()));
    action.undo = route_remove_command(route.destination, route.via);
    scratch.add(std::move(action));
  }
  for (const auto& end : ends) {
    if (end.segment == nullptr) continue;
    for (const auto& member : end.segment->members) {
      if (member.node == node || member.mac.empty()) continue;
      Action action = make(
          Task::neighbour_set, end.interface, neighbour_set_command(member.address, member.mac),
          end.what, fmt::format("{} at {} for good", member.address.to_string(), member.mac));
      action.undo = neighbour_remove_command(member.address);
      scratch.add(std::move(action));
    }
  }
  forwarding(fleet, node, facts::Os::darwin, scratch);
}

}  // namespace

NodePlan from_scratch(const model::Fleet& fleet, std::size_t node) {
  const facts::NodeFacts unknown;
  const auto ends = local_ends(fleet, node, unknown);
  Scratch scratch(fleet, node);
  if (is_linux(ends)) {
    settings(fleet, node, ends, scratch);
    return scratch.take();
  }
  const bool any_rdma =
      std::ranges::any_of(fleet.links, [](const model::Link& link) { return link.rdma; });
  for (const auto& end : ends) {
    if (!end.interface.starts_with("bridge")) scratch.scan_bridges(end.interface);
  }
  for (const auto& end : ends) {
    scratch.add(
        make(Task::interface_up, end.interface, up_command(end.interface),
             fmt::format("{} port must be up", end.link != nullptr ? "a link's" : "a segment's"),
             fmt::format("{} up", end.interface)));
  }
  for (const auto& end : ends) {
    Action action =
        make(Task::address_assign, end.interface, assign_command(end.interface, end.wanted),
             end.what, fmt::format("{} on {}", end.wanted.to_string(), end.interface));
    action.undo = remove_command(end.interface, end.wanted.address);
    scratch.add(std::move(action));
  }
  network(fleet, node, ends, scratch);
  if (const auto matrix = topology::ibv_matrix(fleet); any_rdma && matrix) {
    const std::string content = topology::to_json(*matrix);
    Action action = make(Task::file_write, fleet.ibv_path, write_command(fleet.ibv_path, content),
                         "the fleet's RDMA devices, for JACCL",
                         fmt::format("{} holds the fleet's matrix", fleet.ibv_path));
    action.root = false;
    action.content = content;
    action.undo = delete_command(fleet.ibv_path);
    scratch.add(std::move(action));
  }
  if (fleet.persist && !ends.empty()) {
    const std::string& user = fleet.nodes.at(node).ssh.user;
    const std::string login = is_login_name(user) ? user : "login";
    Action action = install_keeper(
        launch_daemon(kept_settings(fleet, node, login)),
        login == user ? "persist = true" : "persist = true (`login` stands for the login user)",
        {});
    action.shown = install_keeper_command(action.content, scratch.sudo());
    scratch.add(std::move(action));
  }
  for (const auto& end : ends) {
    if (end.link == nullptr || !end.link->rdma) continue;
    Action action = make(Task::rdma_check, end.rdma_device, "rdma_ctl status; ibv_devices",
                         fmt::format("the link {} carries RDMA", fleet.link_name(*end.link)),
                         fmt::format("RDMA enabled, device {}", end.rdma_device));
    action.root = false;
    scratch.add(std::move(action));
  }
  Action profiler = make(Task::profiler_collect, "SPThunderboltDataType",
                         "system_profiler SPThunderboltDataType -json",
                         "kept with the run, to tell later what was cabled",
                         "the profiler's JSON in the run's folder");
  profiler.root = false;
  scratch.add(std::move(profiler));
  return scratch.take();
}

std::string inventory_digest(const model::Fleet& fleet) {
  return sha256_hex(model::canonical(fleet));
}

}  // namespace bringup::plan
