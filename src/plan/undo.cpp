#include "bringup/plan/undo.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bringup/plan/commands.hpp"
#include "bringup/plan/persist.hpp"
#include "bringup/plan/settings.hpp"
#include "bringup/util/text.hpp"
#include "differ.hpp"
#include "settings_undo.hpp"

namespace bringup::plan {
namespace {

using Inet = std::vector<model::InterfaceAddress>;

std::string words(const Inet& inet) {
  std::vector<std::string> out;
  for (const auto& one : inet) out.push_back(one.to_string());
  return out.empty() ? "no IPv4 address" : join(out, ", ");
}

bool holds(const Inet& inet, const model::InterfaceAddress& address) {
  return std::ranges::find(inet, address) != inet.end();
}

class Undoer {
 public:
  Undoer(const model::Fleet& fleet, std::size_t node, const facts::NodeRecord& before,
         const facts::NodeFacts& now)
      : before_(before),
        facts_(now),
        now_(facts::record_of(before.node, now)),
        sudo_(fleet.nodes.at(node).become != model::Become::none && now.login_user != "root") {
    plan_.node = fleet.nodes.at(node).name;
    plan_.facts_digest = now_.digest;
  }

  NodePlan run(const NodePlan& ran) {
    std::vector<std::string> interfaces;
    std::vector<std::string> files;
    bool kept = false;
    bool forwarding = false;
    std::vector<const Action*> settings;
    std::vector<const Action*> neighbours;
    for (const auto& action : ran.actions) {
      if (nature(action) == Nature::check) continue;
      if (is_keeper(action.task)) {
        kept = true;
        continue;
      }
      if (is_forwarding(action.task)) {
        forwarding = true;
        continue;
      }
      if (is_neighbour(action.task)) {
        neighbours.push_back(&action);
        continue;
      }
      if (action.task == Task::settings_set || action.task == Task::settings_remove) {
        settings.push_back(&action);
        continue;
      }
      auto& targets = is_file(action.task) ? files : interfaces;
      if (std::ranges::find(targets, action.target) == targets.end()) {
        targets.push_back(action.target);
      }
    }
    std::erase_if(interfaces, [&](const auto& name) { return !known(name); });
    if (forwarding) forward();
    for (const auto* action : neighbours) neighbour(*action);
    for (auto it = settings.rbegin(); it != settings.rend(); ++it) settle(**it);
    if (facts_.os == facts::Os::darwin) {
      for (const auto& name : interfaces) routes(name);
    }
    for (const auto& name : interfaces) leave_bridges(name);
    for (const auto& name : interfaces) addresses(name);
    for (const auto& name : interfaces) state(name);
    for (const auto& name : interfaces) join_bridges(name);
    for (const auto& path : files) file(path);
    if (kept) {
      keeper();
    } else {
      note_keeper();
    }
    return std::move(plan_);
  }

 private:
  void change(Task task, const std::string& target, std::string command, std::string why,
              std::string undo, std::string expected, std::string content = {}) {
    Action action;
    action.task = task;
    action.target = target;
    action.root = !is_file(task);
    action.shown = shown_command(command, action.root && sudo_);
    action.command = std::move(command);
    action.why = std::move(why);
    action.undo = std::move(undo);
    action.expected = std::move(expected);
    action.content = std::move(content);
    plan_.actions.push_back(std::move(action));
  }

  bool known(const std::string& name) {
    if (now_.find(name) != nullptr && before_.find(name) != nullptr) return true;
    plan_.findings.push_back({Severity::error, "interface", name,
                              fmt::format("{} is not there any more", name),
                              "the interface that the run changed",
                              fmt::format("plug in what {} was, then roll back again", name)});
    return false;
  }

  // Of a Linux interface, whose profile or file is what a run set.
  void settle(const Action& ran) {
    const auto set = parse_settings(ran.content);
    if (!set) return;
    if (ran.task == Task::settings_remove) {
      if (set->addresses.empty()) return;
      Action action = settings_action(Task::settings_set, *set, sudo_ ? "sudo " : "");
      action.why = fmt::format("the run took the settings of {} away", set->interface);
      action.expected = fmt::format("the settings of {} as before the run", set->interface);
      plan_.actions.push_back(std::move(action));
      return;
    }
    const std::string place = settings_place(*set);
    const auto has = [&](const std::map<std::string, facts::FileState>& own) {
      return own.contains(place);
    };
    const auto* was = before_.find(set->interface);
    const auto* now = now_.find(set->interface);
    const bool same = was != nullptr && now != nullptr && was->inet == now->inet &&
                      was->mtu == now->mtu && was->up == now->up &&
                      has(before_.own) == has(now_.own) && before_.routes == now_.routes;
    if (same) return;
    for (Action action : undo_settings(*set, &before_)) {
      if (const auto parts = parse_command(action); parts && parts->settings) {
        action.shown = action.task == Task::settings_set
                           ? set_settings_command(*parts->settings, sudo_ ? "sudo " : "")
                           : drop_settings_command(*parts->settings, sudo_ ? "sudo " : "");
      } else {
        action.shown = shown_command(action.command, sudo_);
      }
      action.why = fmt::format("before the run {} was set up otherwise", set->interface);
      action.expected = fmt::format("{} as before the run", set->interface);
      plan_.actions.push_back(std::move(action));
    }
  }

  void forward() {
    const std::string file(kForwardingFile);
    if (before_.forwarding == now_.forwarding &&
        before_.own.contains(file) == now_.own.contains(file)) {
      return;
    }
    auto back = undo_forwarding(facts_.os, before_);
    if (!back) return;
    Action& action = *back;
    const bool on = action.task == Task::forwarding_enable;
    const Forwarding other = on ? Forwarding::off : Forwarding::on;
    action.shown = forwarding_command(facts_.os, on ? Forwarding::on : Forwarding::off,
                                      action.content.empty() ? Lasting::until_reboot : Lasting::yes,
                                      sudo_ ? "sudo " : "");
    action.why = fmt::format("forwarding is {}; before the run it was {}",
                             facts_.forwarding == true ? "on" : "off", on ? "on" : "off");
    action.undo = forwarding_command(facts_.os, other, Lasting::until_reboot);
    action.expected = on ? "IPv4 packets forwarded" : "IPv4 packets not forwarded";
    plan_.actions.push_back(std::move(action));
  }

  void neighbour(const Action& ran) {
    const auto parts = parse_command(ran);
    if (!parts) return;
    const auto mac_in = [&](const std::vector<platform::Neighbour>& entries) {
      const auto at =
          std::ranges::find(entries, parts->address.address, &platform::Neighbour::address);
      return at == entries.end() ? std::nullopt : std::optional(at->mac);
    };
    const auto was = mac_in(before_.neighbours);
    const auto now = mac_in(now_.neighbours);
    auto action = undo_neighbour(ran, parts->address.address, before_);
    if (was == now || !action) return;
    if (action->task == Task::neighbour_remove && !now) return;
    const std::string address = parts->address.address.to_string();
    action->shown = shown_command(action->command, sudo_);
    action->undo = ran.command;
    if (action->task == Task::neighbour_set) {
      action->why = fmt::format("before the run {} was fixed at {}", address, *was);
      action->expected = fmt::format("{} at {} for good", address, *was);
    } else {
      action->why = fmt::format("{} is fixed; before the run it was not", address);
      action->expected = fmt::format("{} not fixed", address);
    }
    plan_.actions.push_back(std::move(*action));
  }

  // A Mac's routes over a next hop, through this interface.
  void routes(const std::string& name) {
    const auto over = [&](const platform::Route& route) {
      return route.interface == name && route.destination.prefix() >= 2 &&
             model::Ipv4::parse(route.gateway).has_value();
    };
    for (const auto& route : now_.routes) {
      if (!over(route) || std::ranges::find(before_.routes, route) != before_.routes.end())
        continue;
      const auto via = *model::Ipv4::parse(route.gateway);
      change(Task::route_remove, name, route_remove_command(route.destination, via),
             fmt::format("{} goes by {}; before the run it did not", route.destination.to_string(),
                         route.gateway),
             route_add_command(route.destination, via),
             fmt::format("no route to {} by {}", route.destination.to_string(), route.gateway));
    }
    for (const auto& route : before_.routes) {
      if (!over(route) || std::ranges::find(now_.routes, route) != now_.routes.end()) continue;
      const auto via = *model::Ipv4::parse(route.gateway);
      change(
          Task::route_add, name, route_add_command(route.destination, via),
          fmt::format("before the run {} went by {}", route.destination.to_string(), route.gateway),
          route_remove_command(route.destination, via),
          fmt::format("{} by {}", route.destination.to_string(), route.gateway));
    }
  }

  [[nodiscard]] bool on_linux() const { return facts_.os == facts::Os::linux_kernel; }

  void leave_bridges(const std::string& name) {
    const auto was = before_.bridges_of(name);
    for (const auto& bridge : now_.bridges_of(name)) {
      if (std::ranges::find(was, bridge) != was.end()) continue;
      change(Task::bridge_detach, name,
             on_linux() ? ip_detach_command(name) : detach_command(bridge, name),
             fmt::format("{} is a member of {}; before the run it was not", name, bridge),
             on_linux() ? ip_attach_command(bridge, name) : attach_command(bridge, name),
             fmt::format("{} in no bridge", name), on_linux() ? bridge : "");
    }
  }

  // ifconfig without `alias` replaces the first address; more than one that is lost is told by the
  // comparison that follows, since no command of ours adds a second.
  void addresses(const std::string& name) {
    if (on_linux()) return;  // they are among the settings
    const Inet& was = before_.find(name)->inet;
    const Inet& now = now_.find(name)->inet;
    if (was == now) return;
    Inet left = now;
    if (!was.empty() && !holds(now, was.front())) {
      change(Task::address_assign, name, assign_command(name, was.front()),
             fmt::format("{} has {}; before the run it had {}", name, words(now), words(was)),
             now.empty() ? remove_command(name, was.front().address)
                         : assign_command(name, now.front()),
             fmt::format("{} on {}", was.front().to_string(), name));
      if (!left.empty()) left.erase(left.begin());
    }
    for (const auto& address : left) {
      if (holds(was, address)) continue;
      change(Task::address_remove, name, remove_command(name, address.address),
             fmt::format("{} has {}; before the run it had {}", name, words(now), words(was)),
             assign_command(name, address),
             fmt::format("{} without {}", name, address.address.to_string()));
    }
  }

  // Setting an address brings the interface up, so its state is returned after the addresses.
  void state(const std::string& name) {
    if (on_linux()) return;
    const bool was = before_.find(name)->up;
    const bool assigned = std::ranges::any_of(plan_.actions, [&](const Action& action) {
      return action.task == Task::address_assign && action.target == name;
    });
    const bool now = now_.find(name)->up || assigned;
    if (was == now) return;
    change(was ? Task::interface_up : Task::interface_down, name,
           was ? up_command(name) : down_command(name),
           fmt::format("{} is {}; before the run it was {}", name, now ? "up" : "down",
                       was ? "up" : "down"),
           was ? down_command(name) : up_command(name),
           fmt::format("{} {}", name, was ? "up" : "down"));
  }

  void join_bridges(const std::string& name) {
    const auto now = now_.bridges_of(name);
    for (const auto& bridge : before_.bridges_of(name)) {
      if (std::ranges::find(now, bridge) != now.end()) continue;
      change(Task::bridge_attach, name,
             on_linux() ? ip_attach_command(bridge, name) : attach_command(bridge, name),
             fmt::format("{} is not in {}; before the run it was a member", name, bridge),
             on_linux() ? ip_detach_command(name) : detach_command(bridge, name),
             fmt::format("{} in {}", name, bridge), on_linux() ? bridge : "");
    }
  }

  void file(const std::string& path) {
    const auto& was = before_.matrix;
    const auto& now = facts_.matrix_file;
    if (!was.problem.empty()) {
      plan_.findings.push_back(
          {Severity::warning, "matrix", path,
           "the file could not be read before the run: " + printable(was.problem, 120),
           "its former content", "put it back from where it came, if it is missed"});
      return;
    }
    if (was.present == now.present && was.content == now.content && now.problem.empty()) return;
    const std::string back = now.present ? write_command(path, now.content) : delete_command(path);
    if (was.present) {
      change(Task::file_write, path, write_command(path, was.content),
             fmt::format("{} {}; before the run it held something else", path,
                         now.present ? "holds what the run wrote" : "is gone"),
             back, fmt::format("{} holds what it held before the run", path), was.content);
    } else {
      change(Task::file_remove, path, delete_command(path),
             fmt::format("{} is there; before the run it was not", path), back,
             fmt::format("no file {}", path));
    }
  }

  [[nodiscard]] bool changes_interfaces() const {
    return std::ranges::any_of(plan_.actions,
                               [](const Action& action) { return is_interface(action.task); });
  }

  // What the keeper would put back is undone after it is gone.
  void keeper() {
    const auto& now = facts_.keeper;
    const facts::FileState was = before_.keeper.value_or(facts::FileState{});
    const bool there = now.file.present || now.loaded;
    const auto not_ours = [&](std::string seen) {
      plan_.findings.push_back({Severity::warning, "persist", std::string(facts::kKeeperPlist),
                                std::move(seen), "its former content",
                                "bringup apply installs what the inventory says"});
    };
    const bool same =
        was.present && now.file.present && was.content == now.file.content && now.loaded;
    if (same || (!was.present && !there)) return;
    if (!was.problem.empty()) {
      not_ours("the file could not be read before the run: " + printable(was.problem, 120));
      return;
    }
    if (!was.present || (now.loaded && changes_interfaces())) {
      Action action = remove_keeper(
          was.present ? "it would put back what is undone" : "before the run it was not there",
          now.file);
      action.shown = remove_keeper_command(sudo_ ? "sudo " : "");
      plan_.actions.insert(plan_.actions.begin(), std::move(action));
    }
    if (!was.present) return;
    if (!parse_launch_daemon(was.content)) {
      not_ours("before the run it held something that this version of bringup does not write");
      return;
    }
    Action action = install_keeper(was.content, "before the run it held other settings", now.file);
    action.shown = install_keeper_command(was.content, sudo_ ? "sudo " : "");
    plan_.actions.push_back(std::move(action));
  }

  void note_keeper() {
    if (!facts_.keeper.loaded || !changes_interfaces()) return;
    plan_.findings.push_back(
        {Severity::warning, "persist", std::string(facts::kKeeperPlist),
         fmt::format("{} is loaded: within a minute it puts back what is undone here",
                     facts::kKeeperLabel),
         "no daemon that works against it",
         "take persist = true out of the inventory and run bringup apply, then roll back"});
  }

  const facts::NodeRecord& before_;
  const facts::NodeFacts& facts_;
  const facts::NodeRecord now_;
  const bool sudo_;
  NodePlan plan_;
};

}  // namespace

NodePlan undo(const model::Fleet& fleet, std::size_t node, const facts::NodeRecord& before,
              const facts::NodeFacts& now, const NodePlan& ran) {
  return guarded(fleet, node, now, Undoer(fleet, node, before, now).run(ran));
}

}  // namespace bringup::plan
