#include "judge_parts.hpp"

#include <fmt/format.h>

#include "bringup/util/text.hpp"
#include "sudo_words.hpp"

namespace bringup::plan {

void set_failed(StepOutcome& step, std::string text, std::string seen, std::string cure) {
  step.status = StepStatus::failed;
  step.text = std::move(text);
  step.seen = std::move(seen);
  step.cure = std::move(cure);
}

void set_done(StepOutcome& step, std::string text) {
  step.status = StepStatus::done;
  step.text = std::move(text);
}

void set_skipped(StepOutcome& step, std::string text, std::string seen) {
  step.status = StepStatus::skipped;
  step.text = std::move(text);
  step.seen = std::move(seen);
  step.cure = "run bringup apply again when the earlier failure is cured";
}

std::string deed(const Action& action) {
  switch (action.task) {
    case Task::bridge_detach:
      return fmt::format("{} not taken out of its bridge", action.target);
    case Task::interface_up:
      return fmt::format("{} not brought up", action.target);
    case Task::address_assign:
      return fmt::format("address not set: {}", action.expected);
    case Task::file_write:
      return fmt::format("IBV matrix not written: {}", action.target);
    case Task::bridge_attach:
      return fmt::format("{} not put back into its bridge", action.target);
    case Task::interface_down:
      return fmt::format("{} not taken down", action.target);
    case Task::address_remove:
      return fmt::format("address not removed from {}", action.target);
    case Task::file_remove:
      return fmt::format("{} not removed", printable(action.target, 200));
    case Task::persist_install:
      return "settings not made to outlive a reboot";
    case Task::persist_remove:
      return fmt::format("{} not removed", facts::kKeeperLabel);
    case Task::settings_set:
      return fmt::format("settings not made: {}", action.expected);
    case Task::settings_remove:
      return fmt::format("settings of {} not taken back", action.target);
    case Task::route_add:
      return fmt::format("route not set: {}", action.expected);
    case Task::route_remove:
      return "route not removed";
    case Task::forwarding_enable:
      return "forwarding not switched on";
    case Task::forwarding_disable:
      return "forwarding not switched off";
    case Task::neighbour_set:
      return fmt::format("neighbour not set: {}", action.expected);
    case Task::neighbour_remove:
      return "neighbour not removed";
    case Task::rdma_check:
    case Task::profiler_collect:
      break;
  }
  return action.target;
}

std::string words(const facts::Frame& result) {
  const std::string text = printable(trim(result.payload), 300);
  return text.empty() ? fmt::format("exit status {} and no words", result.exit_status) : text;
}

bool says(const facts::Frame& result, std::string_view text) {
  return result.payload.find(text) != std::string::npos;
}

std::string interface_gone(const Evidence& e, const std::string& name) {
  return e.after != nullptr && e.after->find_interface(name) == nullptr
             ? fmt::format("{} has no interface {}", e.node.node, name)
             : "";
}

bool state_holds(const Evidence& e) {
  return e.trace.state != nullptr && e.trace.state->exit_status == 0;
}

bool judge_sudo(const Evidence& e, const facts::Frame& result, StepOutcome& step) {
  const std::string bootstrap = fmt::format(
      "run `bringup bootstrap {} --ask-pass`, which writes a rule for sudo", e.node.node);
  switch (sudo_refusal(result.payload)) {
    case SudoRefusal::wrong_password:
      set_failed(step, deed(e.action), "sudo: the password was refused",
                 "run again with --ask-become-pass and the right password of the login user; or " +
                     bootstrap);
      return true;
    case SudoRefusal::wants_password:
      set_failed(step, deed(e.action), "sudo: a password is required",
                 bootstrap + "; or set become = \"sudo-password\" and run with --ask-become-pass");
      return true;
    case SudoRefusal::not_allowed:
      set_failed(step, deed(e.action), "sudo: the login user may not run this: " + words(result),
                 bootstrap + "; the login must be an administrator for that");
      return true;
    case SudoRefusal::none:
      break;
  }
  if (result.exit_status == 127 && says(result, "sudo")) {
    set_failed(step, deed(e.action), "there is no sudo on the node",
               "install sudo there, or log in as root (user = \"root\")");
    return true;
  }
  if (e.action.root && (says(result, "ermission denied") || says(result, "not permitted"))) {
    set_failed(step, deed(e.action), "not allowed without root: " + words(result),
               "set become = \"sudo\" for this node in the inventory");
    return true;
  }
  return false;
}

}  // namespace bringup::plan
