#include <fmt/format.h>

#include "bringup/model/canonical.hpp"
#include "bringup/plan/commands.hpp"
#include "bringup/plan/persist.hpp"
#include "bringup/plan/plan.hpp"
#include "bringup/topology/ibv_matrix.hpp"
#include "bringup/util/digest.hpp"
#include "bringup/util/shell.hpp"

namespace bringup::plan {
namespace {

constexpr int kBridges =
    10;  // macOS itself makes bridge0; 0..9 is the range people are told to scan

struct LocalEnd {
  const model::Link* link;
  const model::LinkEnd* end;
};

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

}  // namespace

NodePlan from_scratch(const model::Fleet& fleet, std::size_t node) {
  Scratch scratch(fleet, node);
  std::vector<LocalEnd> ends;
  bool any_rdma = false;
  for (const auto& link : fleet.links) {
    any_rdma = any_rdma || link.rdma;
    for (const auto& end : link.ends) {
      if (end.node == node) ends.push_back({&link, &end});
    }
  }
  for (const auto& [link, end] : ends) scratch.scan_bridges(end->interface);
  for (const auto& [link, end] : ends) {
    scratch.add(make(Task::interface_up, end->interface, up_command(end->interface),
                     "a link's port must be up", fmt::format("{} up", end->interface)));
  }
  for (const auto& [link, end] : ends) {
    const model::InterfaceAddress address{end->address, link->subnet.prefix()};
    Action action =
        make(Task::address_assign, end->interface, assign_command(end->interface, address),
             fmt::format("the link {}", fleet.link_name(*link)),
             fmt::format("{} on {}", address.to_string(), end->interface));
    action.undo = remove_command(end->interface, address.address);
    scratch.add(std::move(action));
  }
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
  for (const auto& [link, end] : ends) {
    if (!link->rdma) continue;
    Action action = make(Task::rdma_check, end->rdma_device, "rdma_ctl status; ibv_devices",
                         fmt::format("the link {} carries RDMA", fleet.link_name(*link)),
                         fmt::format("RDMA enabled, device {}", end->rdma_device));
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
