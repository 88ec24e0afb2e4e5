// The judgements of the changes that bring the links up.
#include <fmt/format.h>

#include <algorithm>

#include "bringup/platform/darwin.hpp"
#include "bringup/util/text.hpp"
#include "judge_parts.hpp"
#include "step_codes.hpp"

namespace bringup::plan {

void judge_detach(const Evidence& e, StepOutcome& step) {
  const auto& name = e.parts.interface;
  const auto* bridge = e.after == nullptr ? nullptr : e.after->bridge_of(name);
  if (e.trace.result->exit_status != 0) {
    if (e.after != nullptr && bridge == nullptr &&
        platform::darwin::classify_ifconfig(e.trace.result->exit_status, e.trace.result->payload) ==
            platform::darwin::IfconfigFailure::not_a_member) {
      step.status = StepStatus::ok;
      step.text = fmt::format("{} was no longer in {}", name, e.parts.bridge);
      return;
    }
    set_failed(step, fmt::format("{} not removed from {}", name, e.parts.bridge),
               words(*e.trace.result),
               fmt::format("run `ifconfig {}` on {} and see which members it lists", e.parts.bridge,
                           e.node.node));
    return;
  }
  const bool held = state_holds(e);
  const std::string cure = fmt::format(
      "on {}: System Settings > Network > Thunderbolt Bridge: take {} out of it or make it "
      "inactive, stop Internet Sharing, then run bringup apply again",
      e.node.node, name);
  if (bridge != nullptr) {
    set_failed(step, fmt::format("{} is still in {}", name, bridge->name),
               held ? fmt::format("{} left {}, then the system put it into {} again", name,
                                  e.parts.bridge, bridge->name)
                    : fmt::format("{} still lists {} although deletem reported success",
                                  bridge->name, name),
               cure);
  } else if (!held && e.after == nullptr) {
    set_failed(
        step, fmt::format("{} is still in {}", name, e.parts.bridge),
        fmt::format("{} still lists {} although deletem reported success", e.parts.bridge, name),
        cure);
  } else {
    set_done(step, fmt::format("{} removed from {}", name, e.parts.bridge));
  }
}

void judge_up(const Evidence& e, StepOutcome& step) {
  const auto& name = e.parts.interface;
  if (const auto gone = interface_gone(e, name); !gone.empty()) {
    set_failed(step, deed(e.action), gone, "check the interface's name in the inventory");
    return;
  }
  if (e.trace.result->exit_status != 0) {
    set_failed(step, deed(e.action), words(*e.trace.result),
               fmt::format("run `sudo ifconfig {} up` on {}", name, e.node.node));
    return;
  }
  const bool held = state_holds(e);
  const auto* seen = e.after == nullptr ? nullptr : e.after->find_interface(name);
  if (seen != nullptr ? !seen->up : !held) {
    set_failed(
        step, fmt::format("{} is down", name),
        held ? fmt::format("{} came up and went down again", name)
             : fmt::format("{} stayed down although `ifconfig {} up` reported success", name, name),
        fmt::format("run `sudo ifconfig {} up` on {}; if it stays down, replug the cable, "
                    "then restart the Mac",
                    name, e.node.node));
    return;
  }
  if (e.trace.was != nullptr && e.trace.was->payload == "up") {
    step.status = StepStatus::ok;
    step.text = fmt::format("{} up already", name);
    return;
  }
  set_done(step, fmt::format("{} up", name));
}

void judge_address(const Evidence& e, StepOutcome& step) {
  const auto& name = e.parts.interface;
  const std::string wanted = e.parts.address.to_string();
  if (const auto gone = interface_gone(e, name); !gone.empty()) {
    set_failed(step, deed(e.action), gone, "check the interface's name in the inventory");
    return;
  }
  const auto* seen = e.after == nullptr ? nullptr : e.after->find_interface(name);
  const bool held = state_holds(e);
  const bool holds =
      seen != nullptr ? std::ranges::find(seen->inet, e.parts.address) != seen->inet.end() : held;
  // Some errors of ifconfig come with exit status 0: the state decides, the words explain.
  if (e.trace.result->exit_status != 0 ||
      (!holds && !held && platform::darwin::classify_ifconfig(0, e.trace.result->payload))) {
    set_failed(step, fmt::format("address {} refused on {}", wanted, name), words(*e.trace.result),
               fmt::format("run `{}` on {} and see what it says; another interface may hold this "
                           "address or its subnet (`ifconfig | grep inet`)",
                           e.action.shown, e.node.node));
    return;
  }
  if (holds) {
    set_done(step, fmt::format("address {}", wanted));
    return;
  }
  std::vector<std::string> inet;
  if (seen != nullptr) {
    for (const auto& address : seen->inet) inet.push_back(address.to_string());
  }
  const std::string now = inet.empty() ? fmt::format("{} has no IPv4 address", name)
                                       : fmt::format("{} has {}", name, join(inet, ", "));
  set_failed(step, fmt::format("address {} did not stay on {}", wanted, name),
             held ? now + ": the address was set, then something took it away"
                  : now + " although ifconfig reported success",
             fmt::format("on {}: look for exo's network daemon (launchctl print "
                         "system/io.exo.networksetup) or a DHCP service on this port, and stop it",
                         e.node.node));
}

void judge_file(const Evidence& e, StepOutcome& step) {
  const std::string path = printable(e.action.target, 200);
  const auto& result = *e.trace.result;
  if (result.exit_status == 0) {
    if (e.after != nullptr &&
        (!e.after->matrix_file.present || e.after->matrix_file.content != e.action.content) &&
        e.action.target == e.fleet.ibv_path) {
      set_failed(step, fmt::format("IBV matrix not as written: {}", path),
                 e.after->matrix_file.present
                     ? fmt::format("{} holds something else after the write", path)
                     : fmt::format("{} is gone after the write", path),
                 "see which program writes this file too, or set another ibv_path");
      return;
    }
    set_done(step, fmt::format("IBV matrix written: {}", path));
    return;
  }
  std::string cure = fmt::format("see `ls -lde {}` on {}", path, e.node.node);
  std::string seen = words(result);
  if (says(result, "No space left") || says(result, "quota") ||
      result.exit_status == write_code::kCompare || result.exit_status == write_code::kWrite) {
    const bool full = says(result, "No space left") || says(result, "quota");
    if (full) seen = "the disk is full: " + seen;
    if (result.exit_status == write_code::kCompare) seen = "what was written reads back otherwise";
    cure = fmt::format(
        "free space on {} (`df -h {}`), then run bringup apply again; the old "
        "file was left as it was",
        e.node.node, path);
  } else if (result.exit_status == write_code::kDirectory) {
    cure = "set ibv_path in the inventory to a file's path";
  } else if (result.exit_status == write_code::kCreate) {
    cure =
        "set ibv_path in the inventory to a path in a folder that exists and that the login "
        "user can write";
  } else if (result.exit_status == write_code::kRename) {
    cure = fmt::format("remove the old file on {}: sudo rm {}", e.node.node, path);
  }
  set_failed(step, fmt::format("IBV matrix not written: {}", path), seen, cure);
}

}  // namespace bringup::plan
