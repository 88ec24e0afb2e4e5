#include <fmt/format.h>

#include <algorithm>

#include "bringup/plan/commands.hpp"
#include "bringup/plan/persist.hpp"
#include "bringup/plan/plan.hpp"
#include "bringup/topology/exo.hpp"
#include "bringup/topology/ibv_matrix.hpp"
#include "bringup/topology/jaccl.hpp"
#include "bringup/util/shell.hpp"
#include "bringup/util/text.hpp"
#include "differ.hpp"
#include "rdma_words.hpp"
#include "session_path.hpp"
#include "sudo_words.hpp"

namespace bringup::plan {
namespace {

using model::InterfaceAddress;
using platform::Interface;

// One of the node's own link ends with what the facts say about its interface.
struct LocalEnd {
  const model::Link* link = nullptr;
  const model::LinkEnd* end = nullptr;
  InterfaceAddress wanted;
  const Interface* seen = nullptr;  // null: no such interface
};

class Differ {
 public:
  Differ(const model::Fleet& fleet, std::size_t node, const facts::NodeFacts& facts)
      : fleet_(fleet), index_(node), node_(fleet.nodes.at(node)), facts_(facts) {
    plan_.node = node_.name;
    plan_.facts_digest = facts::plan_digest(facts);
    sudo_ = node_.become != model::Become::none && facts.login_user != "root";
    for (const std::size_t index : fleet.links_of(node)) {
      const auto& link = fleet.links[index];
      for (const auto& end : link.ends) {
        if (end.node != node) continue;
        ends_.push_back({&link,
                         &end,
                         {end.address, link.subnet.prefix()},
                         facts.find_interface(end.interface)});
      }
    }
  }

  NodePlan run() {
    if (facts_.os != facts::Os::darwin) {
      if (!ends_.empty()) refuse_system();
      return std::move(plan_);
    }
    check_interfaces();
    check_exo();
    for (const auto& end : ends_) detach(end);
    for (const auto& end : ends_) bring_up(end);
    for (const auto& end : ends_) assign(end);
    write_matrix();
    keep_settings();
    note_session();
    guard_sudo();
    if (plan_.state == NodeState::refused) {
      plan_.actions.clear();
    } else {
      checks();
    }
    return std::move(plan_);
  }

  // Another plan of this node, held against what forbids changes.
  NodePlan guard(NodePlan plan) {
    plan_ = std::move(plan);
    note_session();
    guard_sudo();
    if (plan_.state == NodeState::refused) plan_.actions.clear();
    return std::move(plan_);
  }

 private:
  void find(Severity severity, std::string layer, std::string target, std::string seen,
            std::string expected, std::string cure) {
    plan_.findings.push_back({severity, std::move(layer), std::move(target), std::move(seen),
                              std::move(expected), std::move(cure)});
  }

  void refuse(std::string layer, std::string target, std::string seen, std::string expected,
              std::string cure) {
    plan_.state = NodeState::refused;
    find(Severity::error, std::move(layer), std::move(target), std::move(seen), std::move(expected),
         std::move(cure));
  }

  void refuse_system() {
    const std::string system =
        facts_.os == facts::Os::linux_kernel ? "Linux" : printable(facts_.uname, 60);
    refuse("os", "", fmt::format("{} is recognised as {}", node_.name, system), "macOS",
           fmt::format("changes on {} are not supported yet: set its links up by hand, or leave "
                       "{} out with --limit '!{}'",
                       system, node_.name, node_.name));
  }

  void check_interfaces() {
    for (const auto& local : ends_) {
      const std::string& name = local.end->interface;
      if (local.seen == nullptr) {
        std::vector<std::string> names;
        for (const auto& interface : facts_.interfaces) names.push_back(interface.name);
        find(Severity::error, "interface", name,
             fmt::format(
                 "{} has no interface {}; it has {}", node_.name, name,
                 names.empty() ? "none that could be read" : printable(join(names, ", "), 300)),
             fmt::format("interface {} for the link {}", name, fleet_.link_name(*local.link)),
             fmt::format("correct {}:{} in {} (`networksetup -listallhardwareports` on {} lists "
                         "its ports)",
                         node_.name, name, local.link->where.to_string(), node_.name));
        continue;
      }
      check_extra_addresses(local);
      if (local.link->mtu && local.seen->mtu != *local.link->mtu) {
        find(Severity::warning, "mtu", name, fmt::format("{} has MTU {}", name, local.seen->mtu),
             fmt::format("MTU {}", *local.link->mtu),
             shown_command(fmt::format("ifconfig {} mtu {}", name, *local.link->mtu), sudo_));
      }
    }
  }

  void check_exo() {
    if (ends_.empty()) return;
    if (const auto exo = topology::exo_installation(node_.name, facts_)) {
      find(Severity::warning, "address", "", exo->seen + "; " + exo->means, exo->expected,
           exo->cure);
      if (fleet_.persist && facts_.exo_daemon) {
        find(Severity::warning, "persist", "",
             fmt::format("persist = true, and exo's daemon is installed on {}: while it is loaded, "
                         "{} leaves everything alone",
                         node_.name, facts::kKeeperLabel),
             "one daemon that sets the links' addresses", exo->cure);
      }
    }
  }

  // JACCL uses GID index 1, and the GID table follows the interface's addresses: a second address
  // can push ours to index 2, where every queue pair fails with errno 22.
  void check_extra_addresses(const LocalEnd& local) {
    const auto& inet = local.seen->inet;
    std::vector<std::string> others;
    for (std::size_t i = 0; i < inet.size(); ++i) {
      const bool ours = inet[i].address == local.end->address;
      const bool replaced = i == 0 && !holds(local);
      if (!ours && !replaced) others.push_back(inet[i].to_string());
    }
    if (others.empty()) return;
    find(Severity::warning, "address", local.end->interface,
         fmt::format("{} also holds {}", local.end->interface, join(others, ", ")),
         fmt::format("{} alone, so that its GID is at index 1", local.wanted.to_string()),
         shown_command(remove_command(local.end->interface, first_other(local)), sudo_));
  }

  static bool holds(const LocalEnd& local) {
    return std::ranges::find(local.seen->inet, local.wanted) != local.seen->inet.end();
  }

  static model::Ipv4 first_other(const LocalEnd& local) {
    const auto& inet = local.seen->inet;
    for (std::size_t i = holds(local) ? 0 : 1; i < inet.size(); ++i) {
      if (inet[i].address != local.end->address) return inet[i].address;
    }
    return {};
  }

  std::vector<std::string> bridges_of(const std::string& interface) const {
    std::vector<std::string> names;
    for (const auto& bridge : facts_.bridges) {
      if (std::ranges::find(bridge.members, interface) != bridge.members.end()) {
        names.push_back(bridge.name);
      }
    }
    return names;
  }

  void change(Action action) {
    action.shown = shown_command(action.command, action.root && sudo_);
    plan_.actions.push_back(std::move(action));
  }

  void detach(const LocalEnd& local) {
    if (local.seen == nullptr) return;
    const std::string& name = local.end->interface;
    for (const auto& bridge : bridges_of(name)) {
      Action action;
      action.task = Task::bridge_detach;
      action.target = name;
      action.command = detach_command(bridge, name);
      action.why =
          fmt::format("{} is a member of {}; a link's port must stand alone", name, bridge);
      action.undo = attach_command(bridge, name);
      action.expected = fmt::format("{} in no bridge", name);
      change(std::move(action));
    }
  }

  // Also after every detach, though the port may be up already: deletem can leave it down.
  void bring_up(const LocalEnd& local) {
    if (local.seen == nullptr) return;
    const std::string& name = local.end->interface;
    const bool leaves_bridge = !bridges_of(name).empty();
    if (local.seen->up && !leaves_bridge) return;
    Action action;
    action.task = Task::interface_up;
    action.target = name;
    action.command = up_command(name);
    action.why =
        local.seen->up
            ? fmt::format("leaving a bridge can leave {} down; a link's port must be up", name)
            : fmt::format("{} is down; a link's port must be up", name);
    action.undo = local.seen->up ? "" : down_command(name);
    action.expected = fmt::format("{} up", name);
    change(std::move(action));
  }

  void assign(const LocalEnd& local) {
    if (local.seen == nullptr || holds(local)) return;
    const std::string& name = local.end->interface;
    const auto& inet = local.seen->inet;
    Action action;
    action.task = Task::address_assign;
    action.target = name;
    action.command = assign_command(name, local.wanted);
    action.why = inet.empty() ? fmt::format("{} has no IPv4 address; the link needs {}", name,
                                            local.wanted.to_string())
                              : fmt::format("{} has {}; the link needs {}", name,
                                            inet.front().to_string(), local.wanted.to_string());
    action.undo = inet.empty() ? remove_command(name, local.wanted.address)
                               : assign_command(name, inet.front());
    action.expected = fmt::format("{} on {}", local.wanted.to_string(), name);
    change(std::move(action));
  }

  void write_matrix() {
    const bool any_rdma =
        std::ranges::any_of(fleet_.links, [](const model::Link& link) { return link.rdma; });
    if (!any_rdma) return;
    const auto matrix = topology::ibv_matrix(fleet_);
    if (!matrix) {
      find(Severity::error, "matrix", fleet_.ibv_path, matrix.error().message,
           "a matrix with each device in one column", matrix.error().hint);
      return;
    }
    note_shape(*matrix);
    const auto& file = facts_.matrix_file;
    const std::string content = topology::to_json(*matrix);
    const bool readable = file.present && file.problem.empty();
    if (readable && file.content == content) return;
    Action action;
    action.task = Task::file_write;
    action.target = fleet_.ibv_path;
    action.content = content;
    action.command = write_command(action.target, content);
    action.root = false;
    action.why = !file.problem.empty() ? fmt::format("{} cannot be read: {}", action.target,
                                                     printable(file.problem, 120))
                 : file.present        ? fmt::format("{} holds another matrix", action.target)
                                       : fmt::format("{} does not exist", action.target);
    action.undo =
        readable ? write_command(action.target, file.content) : delete_command(action.target);
    action.expected = fmt::format("{} holds the fleet's matrix", action.target);
    change(std::move(action));
  }

  // A keeper that goes is gone before anything changes that it would put back.
  void keep_settings() {
    const KeeperState state = keeper_state(fleet_, index_, facts_);
    const auto& file = facts_.keeper.file;
    const bool gone = state == KeeperState::left;
    const bool others = std::ranges::any_of(
        plan_.actions, [](const Action& action) { return is_interface(action.task); });
    if (gone || (state == KeeperState::stale && facts_.keeper.loaded && others)) {
      Action action = remove_keeper(
          gone ? (fleet_.persist ? fmt::format("{} has no link any more", node_.name)
                                 : "the inventory does not say persist = true")
               : "it keeps other settings than the inventory declares, and would put them back",
          file);
      action.shown = remove_keeper_command(sudo_ ? "sudo " : "");
      plan_.actions.insert(plan_.actions.begin(), std::move(action));
    }
    if (state != KeeperState::missing && state != KeeperState::stale) return;
    const auto kept = kept_settings(fleet_, index_, facts_.login_user);
    Action action =
        install_keeper(launch_daemon(kept),
                       state == KeeperState::missing ? "persist = true, and nothing keeps it"
                       : !file.present || !facts_.keeper.loaded
                           ? fmt::format("{} is not loaded", facts::kKeeperLabel)
                           : fmt::format("{} holds other settings", facts::kKeeperPlist),
                       file);
    action.shown = install_keeper_command(action.content, sudo_ ? "sudo " : "");
    plan_.actions.push_back(std::move(action));
  }

  // The file is right as it is; what would come of it in JACCL is said once, at rank 0.
  void note_shape(const topology::IbvMatrix& matrix) {
    if (node_.rank != 0) return;
    std::vector<std::string> names;
    for (const std::size_t index : fleet_.by_rank()) names.push_back(fleet_.nodes[index].name);
    const auto shape = topology::jaccl_shape(matrix, names);
    if (shape) return;
    find(Severity::note, "matrix", fleet_.ibv_path, shape.error().message,
         "a full mesh, or a ring in the order of ranks, for MLX", shape.error().hint);
  }

  // Told before anything is changed; the guard (guard.hpp) keeps the operator from being cut off.
  void note_session() {
    const std::string session = session_interface(facts_);
    std::vector<std::string> told;
    for (const auto& action : plan_.actions) {
      if (is_file(action.task) || std::ranges::count(told, action.target) > 0) continue;
      if (!on_session_path(facts_, action.target)) continue;
      told.push_back(action.target);
      find(
          Severity::warning, "interface", action.target,
          action.target == session
              ? fmt::format("this session arrives through {} itself", session)
              : fmt::format("this session arrives through {}, of which {} is a member", session,
                            action.target),
          fmt::format("{} free of the management session", action.target),
          fmt::format("the change is undone on {} unless a new session confirms it; to do without, "
                      "reach it over another interface (Wi-Fi, Ethernet)",
                      node_.name));
    }
  }

  void guard_sudo() {
    const bool needs_root =
        std::ranges::any_of(plan_.actions, [](const Action& action) { return action.root; });
    if (!needs_root || facts_.login_user == "root") return;
    const std::string user = printable(facts_.login_user, 60);
    const std::string rule = sudoers_rule(user.empty() ? node_.ssh.user : user);
    const std::string by_rule = fmt::format(
        "add the line `{}` with `sudo visudo -f /etc/sudoers.d/bringup` on {}", rule, node_.name);
    const std::string by_password = "set become = \"sudo-password\" and run with --ask-become-pass";
    if (node_.become == model::Become::none) {
      refuse("sudo", "", fmt::format("the changes need root, and become is \"none\""),
             "become = \"sudo\" or \"sudo-password\"",
             fmt::format("set become = \"sudo\" for {} in the inventory", node_.name));
      return;
    }
    switch (facts_.sudo) {
      case platform::SudoState::passwordless:
        return;
      case platform::SudoState::password_required:
        if (node_.become == model::Become::sudo_password) return;
        refuse("sudo", "", fmt::format("sudo wants a password from {}", user),
               "sudo without a password", by_password + "; or " + by_rule);
        return;
      case platform::SudoState::refused:
        refuse("sudo", "", fmt::format("sudo refuses {}: not in the sudoers file", user),
               fmt::format("{} may run ifconfig as root", user), by_rule);
        return;
      case platform::SudoState::absent:
        refuse("sudo", "", fmt::format("{} has no sudo", node_.name), "sudo, or a session as root",
               fmt::format("install sudo on {}, or set user = \"root\" for it in the inventory",
                           node_.name));
        return;
      case platform::SudoState::unknown:
        find(Severity::warning, "sudo", "", "it could not be told whether sudo works",
             "sudo without a password", by_rule);
        return;
    }
  }

  void checks() {
    for (const auto& local : ends_) {
      if (!local.link->rdma || local.seen == nullptr) continue;
      Action action;
      action.task = Task::rdma_check;
      action.target = local.end->rdma_device;
      action.command = "rdma_ctl status; ibv_devices";
      action.why = fmt::format("the link {} carries RDMA", fleet_.link_name(*local.link));
      action.root = false;
      action.expected = fmt::format("RDMA enabled, device {}", action.target);
      change(std::move(action));
      report_rdma(local);
    }
    Action action;
    action.task = Task::profiler_collect;
    action.target = "SPThunderboltDataType";
    action.command = "system_profiler SPThunderboltDataType -json";
    action.why = "kept with the run, to tell later what was cabled";
    action.root = false;
    action.expected = "the profiler's JSON in the run's folder";
    change(std::move(action));
  }

  // A node-wide state (disabled, no tool) is told once, a missing device for each device.
  void report_rdma(const LocalEnd& local) {
    const RdmaVerdict verdict = judge_rdma(facts_, local.end->rdma_device);
    if (verdict.fine) return;
    const std::string target = verdict.whole_node ? "" : local.end->rdma_device;
    for (const auto& finding : plan_.findings) {
      if (finding.layer == "rdma" && finding.target == target) return;
    }
    find(Severity::warning, "rdma", target, verdict.seen, verdict.expected, verdict.cure);
  }

  const model::Fleet& fleet_;
  const std::size_t index_;
  const model::Node& node_;
  const facts::NodeFacts& facts_;
  bool sudo_ = false;
  std::vector<LocalEnd> ends_;
  NodePlan plan_;
};

}  // namespace

NodePlan diff(const model::Fleet& fleet, std::size_t node, const facts::NodeFacts& facts) {
  return Differ(fleet, node, facts).run();
}

NodePlan guarded(const model::Fleet& fleet, std::size_t node, const facts::NodeFacts& facts,
                 NodePlan plan) {
  return Differ(fleet, node, facts).guard(std::move(plan));
}

}  // namespace bringup::plan
