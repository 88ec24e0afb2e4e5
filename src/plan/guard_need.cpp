#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "bringup/plan/commands.hpp"
#include "bringup/plan/guard.hpp"
#include "session_path.hpp"

namespace bringup::plan {
namespace {

bool is_interface_change(const Action& action) {
  return is_interface(action.task);
}

bool is_hop_of_another(const model::Fleet& fleet, const std::string& name) {
  return std::ranges::any_of(fleet.nodes, [&](const model::Node& other) {
    return std::ranges::find(other.via, name) != other.via.end();
  });
}

// The interface that a link's end has on this node, if an action of the plan changes it.
bool changes_end(const NodePlan& node, const model::LinkEnd& end) {
  return std::ranges::any_of(node.actions, [&](const Action& action) {
    return is_interface_change(action) && action.target == end.interface;
  });
}

std::size_t root_of(std::vector<std::size_t>& parent, std::size_t i) {
  while (parent[i] != i) i = parent[i] = parent[parent[i]];
  return i;
}

}  // namespace

std::vector<std::string> guard_mode_words() {
  return {"auto", "always", "never"};
}

std::optional<GuardMode> parse_guard_mode(std::string_view word) {
  if (word == "auto") return GuardMode::automatic;
  if (word == "always") return GuardMode::always;
  if (word == "never") return GuardMode::never;
  return std::nullopt;
}

std::string_view to_string(GuardState state) {
  switch (state) {
    case GuardState::none:
      return "none";
    case GuardState::armed:
      return "armed";
    case GuardState::committed:
      return "committed";
    case GuardState::rolling_back:
      return "rolling-back";
    case GuardState::rolled_back:
      return "rolled-back";
    case GuardState::rollback_failed:
      return "rollback-failed";
    case GuardState::restarted:
      return "restarted";
    case GuardState::gone:
      return "gone";
    case GuardState::unknown:
      break;
  }
  return "unknown";
}

GuardState guard_state(const std::vector<facts::Frame>& frames) {
  GuardState found = GuardState::unknown;
  for (const auto& frame : frames) {
    if (frame.name != "guard.state") continue;
    for (const GuardState state :
         {GuardState::armed, GuardState::committed, GuardState::rolling_back,
          GuardState::rolled_back, GuardState::rollback_failed, GuardState::restarted,
          GuardState::gone}) {
      if (frame.payload == to_string(state)) found = state;
    }
  }
  return found;
}

GuardNeed guard_need(const model::Fleet& fleet, const NodePlan& node, const facts::NodeFacts& facts,
                     GuardMode mode) {
  GuardNeed need;
  if (mode == GuardMode::never || node.changes() == 0) return need;
  const auto reason = [&need](std::string why) {
    need.needed = true;
    if (need.why.empty()) need.why = std::move(why);
  };
  const std::string session = session_interface(facts);
  for (const Action& action : node.actions) {
    if (!is_interface_change(action) || !on_session_path(facts, action.target)) continue;
    need.cuts_session = true;
    reason(action.target == session
               ? fmt::format("the session arrives through {}", session)
               : fmt::format("the session arrives through {}, of which {} is a member", session,
                             action.target));
    // ifconfig's `inet` replaces the first address: the session's own, or another than that.
    const auto* interface = facts.find_interface(action.target);
    const auto parts = parse_command(action);
    // Who manages a Linux interface gives it these addresses and no others; ip(8) alone adds them.
    if (parts && action.task == Task::settings_set && action.target == session &&
        parts->settings->manager != platform::Manager::none &&
        !parts->settings->addresses.empty()) {
      const auto& wanted = parts->settings->addresses;
      const bool stays = std::ranges::any_of(wanted, [&](const auto& one) {
        return one.address.to_string() == facts.session_address;
      });
      if (!stays) need.new_address = wanted.front().address;
    }
    if (action.task != Task::address_assign || !parts || interface == nullptr) continue;
    const bool replaces = !interface->inet.empty() && action.target == session &&
                          interface->inet.front().address.to_string() == facts.session_address;
    // A port that leaves the session's bridge takes the cable with it: the node answers there.
    if (replaces || action.target != session) need.new_address = parts->address.address;
  }
  if (std::ranges::any_of(node.actions, is_interface_change) &&
      is_hop_of_another(fleet, node.node)) {
    reason(fmt::format("other nodes are reached through {}", node.node));
  }
  if (mode == GuardMode::always) reason("--guard always");
  return need;
}

std::vector<std::vector<std::size_t>> guard_groups(const model::Fleet& fleet, const Plan& plan,
                                                   std::vector<GuardNeed>& needs) {
  std::vector<std::size_t> parent(plan.nodes.size());
  std::iota(parent.begin(), parent.end(), std::size_t{0});
  std::vector<std::optional<std::size_t>> place(fleet.nodes.size());
  for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
    if (const auto index = fleet.node_index(plan.nodes[i].node)) place[*index] = i;
  }
  for (const auto& link : fleet.links) {
    const auto a = place[link.ends[0].node];
    const auto b = place[link.ends[1].node];
    if (!a || !b || !changes_end(plan.nodes[*a], link.ends[0]) ||
        !changes_end(plan.nodes[*b], link.ends[1])) {
      continue;
    }
    parent[root_of(parent, *a)] = root_of(parent, *b);
  }
  std::vector<std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
    const std::size_t root = root_of(parent, i);
    std::vector<std::size_t> group;
    bool first = true;
    std::string because;
    for (std::size_t k = 0; k < plan.nodes.size(); ++k) {
      if (root_of(parent, k) != root) continue;
      first = first && k >= i;
      group.push_back(k);
      if (needs[k].needed && because.empty()) because = plan.nodes[k].node;
    }
    if (!first || because.empty()) continue;
    for (const std::size_t k : group) {
      if (needs[k].needed) continue;
      needs[k].needed = true;
      needs[k].why = fmt::format("its link's other end, {}, is guarded", because);
    }
    groups.push_back(std::move(group));
  }
  return groups;
}

}  // namespace bringup::plan
