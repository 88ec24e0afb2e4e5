#include "differ.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bringup/plan/commands.hpp"
#include "bringup/plan/settings.hpp"
#include "bringup/topology/routes.hpp"
#include "bringup/util/text.hpp"
#include "rdma_words.hpp"
#include "session_path.hpp"

namespace bringup::plan {
namespace {

NodePlan refused_system(const model::Fleet& fleet, std::size_t node,
                        const facts::NodeFacts& facts) {
  NodePlan plan;
  plan.node = fleet.nodes.at(node).name;
  plan.facts_digest = facts::plan_digest(facts);
  if (local_ends(fleet, node, facts).empty()) return plan;
  const std::string system = printable(facts.uname, 60);
  plan.state = NodeState::refused;
  plan.findings.push_back(
      {Severity::error, "os", "", fmt::format("{} is recognised as {}", plan.node, system),
       "macOS or Linux",
       fmt::format("changes on {0} are not supported: set its links up by hand, or leave {1} out "
                   "with --limit '!{1}'",
                   system, plan.node)});
  return plan;
}

}  // namespace

std::vector<LocalEnd> local_ends(const model::Fleet& fleet, std::size_t node,
                                 const facts::NodeFacts& facts) {
  std::vector<LocalEnd> out;
  for (const std::size_t index : fleet.links_of(node)) {
    const auto& link = fleet.links[index];
    for (const auto& end : link.ends) {
      if (end.node != node) continue;
      out.push_back({&link,
                     nullptr,
                     end.interface,
                     {end.address, link.subnet.prefix()},
                     facts.find_interface(end.interface),
                     end.rdma_device,
                     "the link " + fleet.link_name(link),
                     link.where.to_string()});
    }
  }
  for (const std::size_t index : fleet.segments_of(node)) {
    const auto& segment = fleet.segments[index];
    for (const auto& member : segment.members) {
      if (member.node != node) continue;
      out.push_back({nullptr,
                     &segment,
                     member.interface,
                     {member.address, segment.subnet.prefix()},
                     facts.find_interface(member.interface),
                     "",
                     "segment " + segment.name,
                     segment.where.to_string()});
    }
  }
  return out;
}

NodeDiff::NodeDiff(const model::Fleet& fleet, std::size_t node, const facts::NodeFacts& facts)
    : fleet_(fleet),
      index_(node),
      node_(fleet.nodes.at(node)),
      facts_(facts),
      ends_(local_ends(fleet, node, facts)),
      sudo_(node_.become != model::Become::none && facts.login_user != "root") {
  plan_.node = node_.name;
  plan_.facts_digest = facts::plan_digest(facts);
}

NodePlan NodeDiff::guard(NodePlan plan) {
  plan_ = std::move(plan);
  note_session();
  guard_sudo();
  if (plan_.state == NodeState::refused) plan_.actions.clear();
  return std::move(plan_);
}

void NodeDiff::find(Severity severity, std::string layer, std::string target, std::string seen,
                    std::string expected, std::string cure) {
  plan_.findings.push_back({severity, std::move(layer), std::move(target), std::move(seen),
                            std::move(expected), std::move(cure)});
}

void NodeDiff::refuse(std::string layer, std::string target, std::string seen, std::string expected,
                      std::string cure) {
  plan_.state = NodeState::refused;
  find(Severity::error, std::move(layer), std::move(target), std::move(seen), std::move(expected),
       std::move(cure));
}

void NodeDiff::change(Action action) {
  if (action.shown.empty()) {
    action.shown = shown_command(action.command, action.root && sudo_);
  }
  plan_.actions.push_back(std::move(action));
}

bool NodeDiff::misses(const LocalEnd& local, const std::string& listing) {
  if (local.seen != nullptr) return false;
  std::vector<std::string> names;
  for (const auto& interface : facts_.interfaces) names.push_back(interface.name);
  find(Severity::error, "interface", local.interface,
       fmt::format("{} has no interface {}; it has {}", node_.name, local.interface,
                   names.empty() ? "none that could be read" : printable(join(names, ", "), 300)),
       fmt::format("interface {} for {}", local.interface, local.what),
       fmt::format("correct {}:{} in {} ({} on {} lists its ports)", node_.name, local.interface,
                   local.where, listing, node_.name));
  return true;
}

void NodeDiff::forward() {
  if (!topology::forwards(fleet_, index_)) return;
  const bool darwin = facts_.os == facts::Os::darwin;
  const Lasting lasting = fleet_.persist && !darwin ? Lasting::yes : Lasting::until_reboot;
  const auto file = facts_.own.find(std::string(kForwardingFile));
  const bool kept = lasting == Lasting::until_reboot ||
                    (file != facts_.own.end() && file->second.content == kForwardingText);
  const bool stops = std::ranges::any_of(
      plan_.actions, [](const Action& action) { return action.task == Task::forwarding_disable; });
  if (facts_.forwarding == true && kept && !stops) return;
  Action action;
  action.task = Task::forwarding_enable;
  action.target = "forwarding";
  action.content = lasting == Lasting::yes ? "lasting\n" : "";
  action.command = forwarding_command(facts_.os, Forwarding::on, lasting);
  action.shown = forwarding_command(facts_.os, Forwarding::on, lasting, before());
  action.why = facts_.forwarding == true ? "forwarding is on, but not after a reboot"
                                         : "a gateway, and it does not forward";
  if (facts_.forwarding == false) {
    action.undo = forwarding_command(facts_.os, Forwarding::off, Lasting::until_reboot);
  }
  action.expected = "IPv4 packets forwarded";
  change(std::move(action));
}

void NodeDiff::check_rdma(const std::string& command) {
  for (const auto& local : ends_) {
    if (local.link == nullptr || !local.link->rdma || local.seen == nullptr) continue;
    Action action;
    action.task = Task::rdma_check;
    action.target = local.rdma_device;
    action.command = command;
    action.why = fmt::format("the link {} carries RDMA", fleet_.link_name(*local.link));
    action.root = false;
    action.expected = judge_rdma(facts_, action.target).expected;
    change(std::move(action));
    report_rdma(local);
  }
}

// A node-wide state (disabled, no tool) is told once, a missing device for each device.
void NodeDiff::report_rdma(const LocalEnd& local) {
  const RdmaVerdict verdict = judge_rdma(facts_, local.rdma_device);
  if (verdict.fine) return;
  const std::string target = verdict.whole_node ? "" : local.rdma_device;
  for (const auto& finding : plan_.findings) {
    if (finding.layer == "rdma" && finding.target == target) return;
  }
  find(Severity::warning, "rdma", target, verdict.seen, verdict.expected, verdict.cure);
}

std::vector<std::string> NodeDiff::bridges_of(const std::string& interface) const {
  std::vector<std::string> names;
  for (const auto& bridge : facts_.bridges) {
    if (std::ranges::find(bridge.members, interface) != bridge.members.end()) {
      names.push_back(bridge.name);
    }
  }
  return names;
}

// Told before anything is changed; the guard (guard.hpp) keeps the operator from being cut off.
void NodeDiff::note_session() {
  const std::string session = session_interface(facts_);
  std::vector<std::string> told;
  for (const auto& action : plan_.actions) {
    if (is_file(action.task) || std::ranges::count(told, action.target) > 0) continue;
    if (!on_session_path(facts_, action.target)) continue;
    told.push_back(action.target);
    find(Severity::warning, "interface", action.target,
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

void NodeDiff::guard_sudo() {
  const bool needs_root =
      std::ranges::any_of(plan_.actions, [](const Action& action) { return action.root; });
  if (!needs_root || facts_.login_user == "root") return;
  const std::string user = printable(facts_.login_user, 60);
  const std::string bootstrap = fmt::format("bringup bootstrap {} --ask-pass", node_.name);
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
             "sudo without a password",
             bootstrap + "; or set become = \"sudo-password\" and run with --ask-become-pass");
      return;
    case platform::SudoState::refused:
      refuse("sudo", "", fmt::format("sudo refuses {}: not in the sudoers file", user),
             fmt::format("{} may run bringup's commands as root", user),
             fmt::format("make {} an administrator on {}, then run `{}`", user, node_.name,
                         bootstrap));
      return;
    case platform::SudoState::absent:
      refuse("sudo", "", fmt::format("{} has no sudo", node_.name), "sudo, or a session as root",
             fmt::format("install sudo on {}, or set user = \"root\" for it in the inventory",
                         node_.name));
      return;
    case platform::SudoState::unknown:
      find(Severity::warning, "sudo", "", "it could not be told whether sudo works",
           "sudo without a password", bootstrap);
      return;
  }
}

NodePlan diff(const model::Fleet& fleet, std::size_t node, const facts::NodeFacts& facts) {
  switch (facts.os) {
    case facts::Os::darwin:
      return diff_darwin(fleet, node, facts);
    case facts::Os::linux_kernel:
      return diff_linux(fleet, node, facts);
    case facts::Os::other:
      break;
  }
  return refused_system(fleet, node, facts);
}

NodePlan guarded(const model::Fleet& fleet, std::size_t node, const facts::NodeFacts& facts,
                 NodePlan plan) {
  return NodeDiff(fleet, node, facts).guard(std::move(plan));
}

}  // namespace bringup::plan
