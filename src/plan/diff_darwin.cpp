#include <fmt/format.h>

#include <algorithm>

#include "bringup/plan/commands.hpp"
#include "bringup/plan/persist.hpp"
#include "bringup/plan/plan.hpp"
#include "bringup/topology/exo.hpp"
#include "bringup/topology/ibv_matrix.hpp"
#include "bringup/topology/jaccl.hpp"
#include "bringup/topology/routes.hpp"
#include "bringup/util/shell.hpp"
#include "bringup/util/text.hpp"
#include "differ.hpp"

namespace bringup::plan {
namespace {

using model::InterfaceAddress;
using platform::Interface;

class MacDiff : public NodeDiff {
 public:
  using NodeDiff::NodeDiff;

  NodePlan run() {
    check_interfaces();
    check_exo();
    note_bridges();
    for (const auto& end : ends_) detach(end);
    for (const auto& end : ends_) bring_up(end);
    for (const auto& end : ends_) assign(end);
    routes();
    neighbours();
    forward();
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

 private:
  void check_interfaces() {
    for (const auto& local : ends_) {
      if (misses(local, "`networksetup -listallhardwareports`")) continue;
      const std::string& name = local.interface;
      check_extra_addresses(local);
      if (local.link != nullptr && local.link->mtu && local.seen->mtu != *local.link->mtu) {
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
      const bool ours = inet[i].address == local.wanted.address;
      const bool replaced = i == 0 && !holds(local);
      if (!ours && !replaced) others.push_back(inet[i].to_string());
    }
    if (others.empty()) return;
    find(Severity::warning, "address", local.interface,
         fmt::format("{} also holds {}", local.interface, join(others, ", ")),
         local.wanted.to_string() + (local.link != nullptr && local.link->rdma
                                         ? " alone, so that its GID is at index 1"
                                         : " alone"),
         shown_command(remove_command(local.interface, first_other(local)), sudo_));
  }

  static bool holds(const LocalEnd& local) {
    return std::ranges::find(local.seen->inet, local.wanted) != local.seen->inet.end();
  }

  static model::Ipv4 first_other(const LocalEnd& local) {
    const auto& inet = local.seen->inet;
    for (std::size_t i = holds(local) ? 0 : 1; i < inet.size(); ++i) {
      if (inet[i].address != local.wanted.address) return inet[i].address;
    }
    return {};
  }

  void detach(const LocalEnd& local) {
    if (local.seen == nullptr) return;
    const std::string& name = local.interface;
    for (const auto& bridge : bridges_of(name)) {
      Action action;
      action.task = Task::bridge_detach;
      action.target = name;
      action.command = detach_command(bridge, name);
      action.why = fmt::format("{} is a member of {}; {} port must stand alone", name, bridge,
                               local.link != nullptr ? "a link's" : "a segment's");
      action.undo = attach_command(bridge, name);
      action.expected = fmt::format("{} in no bridge", name);
      change(std::move(action));
    }
  }

  // Also after every detach, though the port may be up already: deletem can leave it down.
  void bring_up(const LocalEnd& local) {
    if (local.seen == nullptr) return;
    const std::string& name = local.interface;
    const bool leaves_bridge = !bridges_of(name).empty();
    if (local.seen->up && !leaves_bridge) return;
    const char* whose = local.link != nullptr ? "a link's" : "a segment's";
    Action action;
    action.task = Task::interface_up;
    action.target = name;
    action.command = up_command(name);
    action.why =
        local.seen->up
            ? fmt::format("leaving a bridge can leave {} down; {} port must be up", name, whose)
            : fmt::format("{} is down; {} port must be up", name, whose);
    action.undo = local.seen->up ? "" : down_command(name);
    action.expected = fmt::format("{} up", name);
    change(std::move(action));
  }

  void assign(const LocalEnd& local) {
    if (local.seen == nullptr || holds(local)) return;
    const std::string& name = local.interface;
    const auto& inet = local.seen->inet;
    const std::string whose = local.link != nullptr ? "the link" : local.what;
    Action action;
    action.task = Task::address_assign;
    action.target = name;
    action.command = assign_command(name, local.wanted);
    action.why = inet.empty()
                     ? fmt::format("{} has no IPv4 address; {} needs {}", name, whose,
                                   local.wanted.to_string())
                     : fmt::format("{} has {}; {} needs {}", name, inet.front().to_string(), whose,
                                   local.wanted.to_string());
    action.undo = inet.empty() ? remove_command(name, local.wanted.address)
                               : assign_command(name, inet.front());
    action.expected = fmt::format("{} on {}", local.wanted.to_string(), name);
    change(std::move(action));
  }

  // RDMA needs ports that stand alone; a bridge that a segment names is kept on purpose.
  void note_bridges() {
    for (const auto& local : ends_) {
      const auto& bridges = facts_.bridges;
      const auto bridge = std::ranges::find(bridges, local.interface, &platform::Bridge::name);
      if (local.segment == nullptr || bridge == bridges.end()) continue;
      find(Severity::note, "rdma", local.interface,
           fmt::format("{} is the bridge {}, kept on purpose: there is no RDMA over a bridge",
                       local.what, local.interface),
           "RDMA needs ports that stand alone",
           "declare each cable as one of [[links]] instead, where RDMA is wanted");
      for (const auto& other : ends_) {
        if (other.link == nullptr ||
            std::ranges::find(bridge->members, other.interface) == bridge->members.end()) {
          continue;
        }
        find(Severity::warning, "interface", other.interface,
             fmt::format("{} is a member of {}, which {} keeps", other.interface, local.interface,
                         local.what),
             fmt::format("{} in {} alone", other.interface, other.what),
             fmt::format("{} is taken out of {}, as the link wants it", other.interface,
                         local.interface));
      }
    }
  }

  void routes() {
    for (const auto& route : topology::routes_of(fleet_, index_)) {
      if (facts_.find_interface(route.interface) == nullptr) continue;
      bool right = false;
      for (const auto& seen : facts_.routes) {
        if (seen.destination != route.destination) continue;
        if (seen.gateway == route.via.to_string()) {
          right = true;
          continue;
        }
        const auto old = model::Ipv4::parse(seen.gateway);
        if (!old || seen.destination.prefix() == 0) continue;
        Action action;
        action.task = Task::route_remove;
        action.target = route.interface;
        action.command = route_remove_command(route.destination, *old);
        action.why =
            fmt::format("{} goes by {}; the fleet's way is {}", route.destination.to_string(),
                        seen.gateway, route.via.to_string());
        action.undo = route_add_command(route.destination, *old);
        action.expected =
            fmt::format("no route to {} by {}", route.destination.to_string(), seen.gateway);
        change(std::move(action));
      }
      if (right) continue;
      Action action;
      action.task = Task::route_add;
      action.target = route.interface;
      action.command = route_add_command(route.destination, route.via);
      action.why =
          fmt::format("no route to {} ({}); {} forwards there", route.destination.to_string(),
                      route.destination_name, fleet_.nodes[route.next].name);
      action.undo = route_remove_command(route.destination, route.via);
      action.expected =
          fmt::format("{} by {}", route.destination.to_string(), route.via.to_string());
      change(std::move(action));
    }
  }

  void neighbours() {
    for (const auto& local : ends_) {
      if (local.segment == nullptr || local.seen == nullptr) continue;
      for (const auto& member : local.segment->members) {
        if (member.node == index_ || member.mac.empty()) continue;
        const bool held = std::ranges::any_of(facts_.neighbours, [&](const auto& seen) {
          return seen.address == member.address && seen.mac == member.mac && seen.permanent;
        });
        if (held) continue;
        Action action;
        action.task = Task::neighbour_set;
        action.target = local.interface;
        action.command = neighbour_set_command(member.address, member.mac);
        action.why =
            fmt::format("{} declares {} at {}", local.what, member.mac, member.address.to_string());
        action.undo = neighbour_remove_command(member.address);
        action.expected = fmt::format("{} at {} for good", member.address.to_string(), member.mac);
        change(std::move(action));
      }
    }
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

  void checks() {
    check_rdma("rdma_ctl status; ibv_devices");
    Action action;
    action.task = Task::profiler_collect;
    action.target = "SPThunderboltDataType";
    action.command = "system_profiler SPThunderboltDataType -json";
    action.why = "kept with the run, to tell later what was cabled";
    action.root = false;
    action.expected = "the profiler's JSON in the run's folder";
    change(std::move(action));
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
};

}  // namespace

NodePlan diff_darwin(const model::Fleet& fleet, std::size_t node, const facts::NodeFacts& facts) {
  return MacDiff(fleet, node, facts).run();
}

}  // namespace bringup::plan
