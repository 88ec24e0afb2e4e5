#include <fmt/format.h>

#include <algorithm>

#include "bringup/plan/commands.hpp"
#include "bringup/plan/settings.hpp"
#include "bringup/topology/routes.hpp"
#include "bringup/util/text.hpp"
#include "differ.hpp"
#include "settings_read.hpp"

namespace bringup::plan {
namespace {

using platform::Manager;

std::string_view shown(Manager manager) {
  switch (manager) {
    case Manager::network_manager:
      return "NetworkManager";
    case Manager::netplan:
      return "netplan";
    case Manager::networkd:
      return "systemd-networkd";
    case Manager::none:
    case Manager::unknown:
      break;
  }
  return "ip";
}

class LinuxDiff : public NodeDiff {
 public:
  using NodeDiff::NodeDiff;

  NodePlan run() {
    std::vector<std::string> done;
    for (const auto& local : ends_) {
      if (misses(local, "`ip link`")) continue;
      // Two places on one interface are one setting.
      if (std::ranges::find(done, local.interface) != done.end()) continue;
      done.push_back(local.interface);
      configure(local);
    }
    drop_leftovers(done);
    stop_forwarding();
    forward();
    note_session();
    guard_sudo();
    if (plan_.state == NodeState::refused) {
      plan_.actions.clear();
    } else {
      check_rdma("ibv_devinfo; rdma link");
    }
    return std::move(plan_);
  }

 private:
  void configure(const LocalEnd& local) {
    const auto* owner = facts_.owner_of(local.interface);
    Manager manager = owner != nullptr ? owner->manager : Manager::none;
    if (manager == Manager::unknown) manager = Manager::none;
    auto wanted = wanted_settings(fleet_, index_, local.interface, manager);
    if (!wanted) return;
    const std::string profile = "bringup-" + local.interface;
    if (owner != nullptr && owner->profile != profile) wanted->previous = owner->uuid;
    check_default_route(local);
    for (const auto& bridge : bridges_of(local.interface)) detach(local, bridge);
    // One that was written to last, or not to, in place of this one.
    bool moved = false;
    for (const auto& old : own_settings(facts_.own)) {
      const bool elsewhere =
          settings_place(old) != settings_place(*wanted) ||
          (old.manager == Manager::network_manager && old.lasting != wanted->lasting);
      if (old.interface == local.interface && elsewhere) {
        remove(old, "its settings are kept in another place now");
        moved = true;
      }
    }
    std::string why = difference(local, *wanted, owner);
    if (why.empty() && !moved) return;
    if (why.empty()) why = "what kept them is taken away";
    Action action;
    action.task = Task::settings_set;
    action.target = local.interface;
    action.content = settings_text(*wanted);
    action.command = set_settings_command(*wanted);
    action.shown = set_settings_command(*wanted, before());
    action.why = why;
    action.undo = drop_settings_command(*wanted);
    action.expected = fmt::format("{} on {}, through {}", wanted->addresses.front().to_string(),
                                  local.interface, shown(manager));
    change(std::move(action));
  }

  // What is not as wanted, as one clause; empty when all is.
  std::string difference(const LocalEnd& local, const InterfaceSettings& wanted,
                         const platform::Owner* owner) const {
    const auto& seen = *local.seen;
    const std::string& name = local.interface;
    for (const auto& address : wanted.addresses) {
      if (std::ranges::find(seen.inet, address) != seen.inet.end()) continue;
      std::vector<std::string> held;
      for (const auto& one : seen.inet) held.push_back(one.to_string());
      return fmt::format("{} has {}; {} needs {}", name,
                         held.empty() ? "no IPv4 address" : join(held, ", "), local.what,
                         address.to_string());
    }
    if (!seen.up) return fmt::format("{} is down", name);
    if (wanted.mtu && seen.mtu != *wanted.mtu) {
      return fmt::format("{} has MTU {}; {} needs {}", name, seen.mtu, local.what, *wanted.mtu);
    }
    for (const auto& route : wanted.routes) {
      const bool there = std::ranges::any_of(facts_.routes, [&](const platform::Route& one) {
        return one.destination == route.destination && one.interface == name &&
               one.gateway == route.via.to_string();
      });
      if (!there) {
        return fmt::format("no route to {} by {}", route.destination.to_string(),
                           route.via.to_string());
      }
    }
    for (const auto& one : wanted.neighbours) {
      const bool there = std::ranges::any_of(facts_.neighbours, [&](const auto& entry) {
        return entry.address == one.address && entry.mac == one.mac && entry.permanent;
      });
      if (!there) return fmt::format("{} is not fixed at {}", one.address.to_string(), one.mac);
    }
    if (carries_default(name)) return fmt::format("{} carries the default route", name);
    const std::string place = settings_place(wanted);
    if (place.empty()) return {};
    const auto file = facts_.own.find(place);
    if (file == facts_.own.end()) return fmt::format("nothing of ours keeps {} as it is", name);
    if (file->second.problem.empty() && file->second.content != settings_file(wanted)) {
      return fmt::format("{} holds other settings", place);
    }
    if (wanted.manager == Manager::network_manager && owner != nullptr &&
        owner->profile != "bringup-" + name) {
      return fmt::format("NetworkManager has another profile active on {}", name);
    }
    return {};
  }

  [[nodiscard]] bool carries_default(const std::string& interface) const {
    return std::ranges::any_of(facts_.default_routes(), [&](const platform::Route& route) {
      return route.interface == interface;
    });
  }

  // Settings of ours never have a default route; where this interface has the only one, the node
  // would be cut off from all else.
  void check_default_route(const LocalEnd& local) {
    if (!carries_default(local.interface)) return;
    const bool another = std::ranges::any_of(facts_.default_routes(), [&](const auto& route) {
      return route.interface != local.interface;
    });
    const std::string seen =
        fmt::format("{} carries {} default route", local.interface, another ? "a" : "the only");
    if (another) {
      find(Severity::warning, "route", local.interface, seen,
           "the way to the internet stays on another interface",
           fmt::format("it goes when {} gets its settings", local.interface));
      return;
    }
    refuse("route", local.interface, seen,
           fmt::format("{} for {} alone", local.interface, local.what),
           fmt::format("give {} another way to the internet (Wi-Fi) first, or another interface to "
                       "{}",
                       node_.name, local.what));
  }

  void detach(const LocalEnd& local, const std::string& bridge) {
    Action action;
    action.task = Task::bridge_detach;
    action.target = local.interface;
    action.content = bridge;
    action.command = ip_detach_command(local.interface);
    action.why =
        fmt::format("{} is a member of {}; {} port must stand alone", local.interface,
                    printable(bridge, 40), local.link != nullptr ? "a link's" : "a segment's");
    action.undo = ip_attach_command(bridge, local.interface);
    action.expected = fmt::format("{} in no bridge", local.interface);
    change(std::move(action));
  }

  void remove(const InterfaceSettings& old, std::string why) {
    Action action;
    action.task = Task::settings_remove;
    action.target = old.interface;
    action.content = settings_text(old);
    action.command = drop_settings_command(old);
    action.shown = drop_settings_command(old, before());
    action.why = std::move(why);
    action.undo = old.addresses.empty() ? "" : set_settings_command(old);
    action.expected = fmt::format("no settings of ours for {}", old.interface);
    change(std::move(action));
  }

  // What the inventory does not name any more.
  void drop_leftovers(const std::vector<std::string>& named) {
    for (const auto& old : own_settings(facts_.own)) {
      if (std::ranges::find(named, old.interface) != named.end()) continue;
      const bool declared = std::ranges::any_of(
          ends_, [&](const LocalEnd& local) { return local.interface == old.interface; });
      if (!declared) {
        remove(old, fmt::format("the inventory does not name {} any more", old.interface));
      }
    }
  }

  // Our own file says that forwarding was switched on by us.
  void stop_forwarding() {
    const bool kept = facts_.own.contains(std::string(kForwardingFile));
    if (!kept || (topology::forwards(fleet_, index_) && fleet_.persist)) return;
    Action action;
    action.task = Task::forwarding_disable;
    action.target = "forwarding";
    action.command = forwarding_command(facts_.os, Forwarding::off, Lasting::until_reboot);
    action.shown = forwarding_command(facts_.os, Forwarding::off, Lasting::until_reboot, before());
    action.why = "the inventory does not want it after a reboot any more";
    action.undo = forwarding_command(facts_.os, Forwarding::on, Lasting::yes);
    action.expected = fmt::format("no {}", kForwardingFile);
    change(std::move(action));
  }
};

}  // namespace

NodePlan diff_linux(const model::Fleet& fleet, std::size_t node, const facts::NodeFacts& facts) {
  return LinuxDiff(fleet, node, facts).run();
}

}  // namespace bringup::plan
