// The judgements of what gateways and Linux nodes get: settings, routes, forwarding, neighbours.
#include <fmt/format.h>

#include <algorithm>

#include "bringup/util/text.hpp"
#include "judge_parts.hpp"

namespace bringup::plan {
namespace {

// True when the command failed, and the step is judged.
bool judge_command(const Evidence& e, StepOutcome& step) {
  if (e.trace.result->exit_status == 0) return false;
  set_failed(step, deed(e.action), words(*e.trace.result),
             fmt::format("run `{}` on {} and see what it says", e.action.shown, e.node.node));
  return true;
}

// The default routes and name servers are nobody's business but the user's: they must be what they
// were, but for those through interfaces that the plan sets up. Empty: they are.
std::string changed_way_out(const Evidence& e) {
  if (e.before == nullptr || e.after == nullptr) return {};
  const auto others = [&](const facts::NodeFacts& facts) {
    std::vector<std::string> out;
    for (const auto& route : facts.default_routes()) {
      const bool ours = std::ranges::any_of(e.node.actions, [&](const Action& action) {
        return action.task == Task::settings_set && action.target == route.interface;
      });
      if (!ours) out.push_back(fmt::format("{} on {}", route.gateway, route.interface));
    }
    return out;
  };
  const auto shown = [](const std::vector<std::string>& names) {
    return names.empty() ? std::string("none") : printable(join(names, ", "), 200);
  };
  const auto was = others(*e.before);
  const auto now = others(*e.after);
  if (was != now) {
    return fmt::format("the default route was {} and is {}", shown(was), shown(now));
  }
  if (e.before->name_servers != e.after->name_servers) {
    return fmt::format("the name servers were {} and are {}", shown(e.before->name_servers),
                       shown(e.after->name_servers));
  }
  return {};
}

// What of the settings is not there; empty when all is.
std::string missing(const InterfaceSettings& settings, const facts::NodeFacts& facts) {
  const auto* seen = facts.find_interface(settings.interface);
  if (seen == nullptr) return "the interface is gone";
  for (const auto& address : settings.addresses) {
    if (std::ranges::find(seen->inet, address) == seen->inet.end()) {
      return fmt::format("{} is not on it", address.to_string());
    }
  }
  if (settings.mtu && seen->mtu != *settings.mtu) return fmt::format("its MTU is {}", seen->mtu);
  for (const auto& route : settings.routes) {
    const bool there = std::ranges::any_of(facts.routes, [&](const platform::Route& one) {
      return one.destination == route.destination && one.interface == settings.interface &&
             one.gateway == route.via.to_string();
    });
    if (!there) {
      return fmt::format("there is no route to {} by {}", route.destination.to_string(),
                         route.via.to_string());
    }
  }
  for (const auto& route : facts.default_routes()) {
    if (route.interface == settings.interface) return "it carries the default route";
  }
  return {};
}

std::string shown_settings(const InterfaceSettings& settings) {
  std::vector<std::string> parts;
  for (const auto& address : settings.addresses) parts.push_back("address " + address.to_string());
  if (settings.mtu) parts.push_back(fmt::format("MTU {}", *settings.mtu));
  for (const auto& route : settings.routes) {
    parts.push_back(
        fmt::format("route to {} by {}", route.destination.to_string(), route.via.to_string()));
  }
  return join(parts, ", ");
}

}  // namespace

void judge_ip_link(const Evidence& e, StepOutcome& step) {
  if (judge_command(e, step)) return;
  const std::string& name = e.parts.interface;
  const auto* seen = e.after == nullptr ? nullptr : e.after->find_interface(name);
  const auto* bridge = e.after == nullptr ? nullptr : e.after->bridge_of(name);
  bool right = state_holds(e);
  std::string done;
  switch (e.action.task) {
    case Task::bridge_detach:
      if (e.after != nullptr) right = bridge == nullptr;
      done = fmt::format("{} removed from {}", name, e.parts.bridge);
      break;
    case Task::bridge_attach:
      if (e.after != nullptr) right = bridge != nullptr && bridge->name == e.parts.bridge;
      done = fmt::format("{} put back into {}", name, e.parts.bridge);
      break;
    default: {
      const bool up = e.action.task == Task::interface_up;
      if (seen != nullptr) right = seen->up == up;
      done = fmt::format("{} {}", name, up ? "up" : "down");
      break;
    }
  }
  if (right) {
    set_done(step, done);
    return;
  }
  set_failed(
      step, deed(e.action), fmt::format("`{}` reported success", e.action.shown),
      fmt::format("run `ip link show {}` on {}: what else sets it up there?", name, e.node.node));
}

void judge_settings(const Evidence& e, StepOutcome& step) {
  const auto& settings = *e.parts.settings;
  if (const auto gone = interface_gone(e, settings.interface); !gone.empty()) {
    set_failed(step, deed(e.action), gone, "check the interface's name in the inventory");
    return;
  }
  if (judge_command(e, step)) {
    const bool dark = says(*e.trace.result, "No suitable device") ||
                      says(*e.trace.result, "not available") || says(*e.trace.result, "no carrier");
    if (dark) {
      step.cure = fmt::format("plug in the cable of {} on {}: its settings wait there",
                              e.action.target, e.node.node);
    }
    return;
  }
  const std::string lacks = e.after != nullptr
                                ? missing(settings, *e.after)
                                : std::string(state_holds(e) ? "" : "they do not hold");
  if (!lacks.empty()) {
    set_failed(
        step, deed(e.action), fmt::format("{}, although the command reported success", lacks),
        fmt::format("run `ip address show {0}; ip route` on {1}: what else sets {0} up there?",
                    settings.interface, e.node.node));
    return;
  }
  if (const auto changed = changed_way_out(e); !changed.empty()) {
    set_failed(step, fmt::format("the way out of {} is another one", e.node.node), changed,
               "run bringup rollback, then see which profile holds the default route (`ip route`)");
    return;
  }
  set_done(step, fmt::format("{}: {}", settings.interface, shown_settings(settings)));
}

void judge_settings_removed(const Evidence& e, StepOutcome& step) {
  if (judge_command(e, step)) return;
  const std::string place = settings_place(*e.parts.settings);
  const bool again = std::ranges::any_of(e.node.actions, [&](const Action& one) {
    return one.task == Task::settings_set && one.target == e.action.target;
  });
  if (!again && !place.empty() && e.after != nullptr && e.after->own.contains(place)) {
    set_failed(step, deed(e.action), fmt::format("{} is still there", place),
               fmt::format("run `{}` on {} and see what it says", e.action.shown, e.node.node));
    return;
  }
  set_done(step, fmt::format("settings of {} taken back", e.action.target));
}

void judge_route(const Evidence& e, StepOutcome& step) {
  if (judge_command(e, step)) return;
  const bool adds = e.action.task == Task::route_add;
  const std::string name =
      fmt::format("route to {} by {}", e.parts.destination.to_string(), e.parts.via.to_string());
  const bool there =
      e.after != nullptr && std::ranges::any_of(e.after->routes, [&](const platform::Route& one) {
        return one.destination == e.parts.destination && one.gateway == e.parts.via.to_string();
      });
  const bool right = e.after == nullptr ? state_holds(e) : there == adds;
  if (!right) {
    set_failed(
        step, deed(e.action),
        fmt::format("`{}` reported success, and the route is {}", e.action.shown,
                    adds ? "not there" : "still there"),
        fmt::format("run `netstat -rn -f inet` on {}: what else sets this route?", e.node.node));
    return;
  }
  set_done(step, name + (adds ? "" : " removed"));
}

void judge_forwarding(const Evidence& e, StepOutcome& step) {
  if (judge_command(e, step)) return;
  const bool on = e.action.task == Task::forwarding_enable;
  const bool again = !on && std::ranges::any_of(e.node.actions, [](const Action& one) {
    return one.task == Task::forwarding_enable;
  });
  const bool right =
      again ||
      (e.after != nullptr && e.after->forwarding ? *e.after->forwarding == on : state_holds(e));
  if (!right) {
    set_failed(step, deed(e.action), fmt::format("`{}` reported success", e.action.shown),
               fmt::format("run it on {} and see what happens", e.node.node));
    return;
  }
  set_done(step, on ? "forwarding on" : "forwarding off");
}

void judge_neighbour(const Evidence& e, StepOutcome& step) {
  if (judge_command(e, step)) return;
  const bool sets = e.action.task == Task::neighbour_set;
  const std::string address = e.parts.address.address.to_string();
  const bool there =
      e.after != nullptr && std::ranges::any_of(e.after->neighbours, [&](const auto& one) {
        return one.address == e.parts.address.address && one.permanent &&
               (!sets || one.mac == e.parts.mac);
      });
  if (e.after != nullptr && there != sets) {
    set_failed(step, deed(e.action), fmt::format("`{}` reported success", e.action.shown),
               fmt::format("run `arp -an` on {} and see what stands there", e.node.node));
    return;
  }
  set_done(step, sets ? fmt::format("{} fixed at {}", address, e.parts.mac)
                      : fmt::format("{} no longer fixed", address));
}

}  // namespace bringup::plan
