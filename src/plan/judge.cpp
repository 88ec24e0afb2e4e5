#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "bringup/plan/commands.hpp"
#include "bringup/plan/execute.hpp"
#include "bringup/platform/darwin.hpp"
#include "bringup/util/text.hpp"
#include "rdma_words.hpp"
#include "step_codes.hpp"
#include "sudo_words.hpp"

namespace bringup::plan {
namespace {

using facts::Frame;
using facts::NodeFacts;

constexpr std::size_t kMaxRaw = 4096;

// What a step's frames tell; null where no such frame came.
struct Trace {
  const Frame* result = nullptr;   // the command's exit and words
  const Frame* skipped = nullptr;  // payload: "target", "sudo" or "malformed"
  const Frame* was = nullptr;      // interface.up: payload "up" or "down" just before
  const Frame* state = nullptr;    // the script's own look afterwards: status 0 when it held
};

class Judge {
 public:
  Judge(const model::Fleet& fleet, const NodePlan& node, const std::vector<Frame>& frames,
        const NodeFacts* after, const NodeFacts* before)
      : fleet_(fleet), node_(node), after_(after), before_(before) {
    for (const auto& frame : frames) frames_.emplace(frame.name, &frame);
  }

  NodeOutcome run() {
    NodeOutcome outcome;
    outcome.node = node_.node;
    for (std::size_t i = 0; i < node_.actions.size(); ++i) {
      if (node_.actions[i].task == Task::profiler_collect && before_ == nullptr) continue;
      outcome.steps.push_back(judge_step(i));
    }
    const bool ran = frame("apply.done") != nullptr || frame("apply.sudo") != nullptr;
    if (node_.changes() > 0 && (!ran || after_ == nullptr)) {
      outcome.error = Error{
          ErrorCode::unreachable,
          ran ? fmt::format("{}: the connection ended before the result was read back", node_.node)
              : fmt::format("{}: the connection ended in the middle of the changes", node_.node),
          "run bringup apply again: it does what is left and leaves the rest alone"};
    }
    return outcome;
  }

 private:
  const Frame* frame(const std::string& name) const {
    const auto found = frames_.find(name);
    return found == frames_.end() ? nullptr : found->second;
  }

  Trace trace_of(std::size_t index) const {
    const std::string name = fmt::format("step.{}", index);
    return {frame(name), frame(name + ".skipped"), frame(name + ".was"), frame(name + ".state")};
  }

  StepOutcome judge_step(std::size_t index) {
    const Action& action = node_.actions[index];
    StepOutcome step;
    step.task = action.task;
    step.target = action.target;
    step.expected = action.expected;
    if (action.task == Task::rdma_check) {
      judge_rdma_step(step);
    } else if (action.task == Task::profiler_collect) {
      judge_profiler(step);
    } else {
      judge_change(trace_of(index), action, step);
    }
    if (step.status == StepStatus::done || step.status == StepStatus::ok) {
      step.seen.clear();
      step.expected.clear();
      step.cure.clear();
    }
    return step;
  }

  static void set_failed(StepOutcome& step, std::string text, std::string seen, std::string cure) {
    step.status = StepStatus::failed;
    step.text = std::move(text);
    step.seen = std::move(seen);
    step.cure = std::move(cure);
  }

  static void set_done(StepOutcome& step, std::string text) {
    step.status = StepStatus::done;
    step.text = std::move(text);
  }

  static void set_skipped(StepOutcome& step, std::string text, std::string seen) {
    step.status = StepStatus::skipped;
    step.text = std::move(text);
    step.seen = std::move(seen);
    step.cure = "run bringup apply again when the earlier failure is cured";
  }

  void judge_change(const Trace& trace, const Action& action, StepOutcome& step) {
    const auto parts = parse_command(action);
    if (!parts) {
      set_skipped(step, fmt::format("{} not done", action.target),
                  "the plan's command is not one that bringup builds");
      return;
    }
    if (judge_not_run(trace, action, step)) return;
    step.raw = trace.result->payload.substr(0, kMaxRaw);
    if (trace.result->exit_status != 0 && judge_sudo(*trace.result, action, step)) return;
    switch (action.task) {
      case Task::bridge_detach:
        judge_detach(trace, *parts, step);
        break;
      case Task::interface_up:
        judge_up(trace, *parts, action, step);
        break;
      case Task::address_assign:
        judge_address(trace, *parts, action, step);
        break;
      case Task::file_write:
        judge_file(trace, action, step);
        break;
      case Task::bridge_attach:
        judge_attach(trace, *parts, action, step);
        break;
      case Task::interface_down:
        judge_down(trace, *parts, action, step);
        break;
      case Task::address_remove:
        judge_removed(trace, *parts, action, step);
        break;
      case Task::file_remove:
        judge_file_removed(trace, action, step);
        break;
      case Task::persist_install:
        judge_kept(trace, action, step);
        break;
      case Task::persist_remove:
        judge_not_kept(trace, action, step);
        break;
      case Task::rdma_check:
      case Task::profiler_collect:
        break;
    }
  }

  static std::string deed(const Action& action) {
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
      case Task::rdma_check:
      case Task::profiler_collect:
        break;
    }
    return action.target;
  }

  // True when the step has no result of its own.
  bool judge_not_run(const Trace& trace, const Action& action, StepOutcome& step) {
    if (const Frame* sudo = frame("apply.sudo"); sudo != nullptr && sudo->exit_status != 0) {
      if (!sudo_told_) {
        sudo_told_ = true;
        step.raw = sudo->payload.substr(0, kMaxRaw);
        if (!judge_sudo(*sudo, action, step)) {
          set_failed(step, deed(action), "sudo failed: " + words(*sudo),
                     "run `sudo -v` on the node");
        }
      } else {
        set_skipped(step, deed(action), "sudo failed before any change");
      }
      return true;
    }
    if (trace.skipped != nullptr) {
      set_skipped(step, deed(action),
                  trace.skipped->payload == "sudo"
                      ? "sudo failed on an earlier step"
                      : fmt::format("an earlier step on {} failed", action.target));
      return true;
    }
    if (trace.result != nullptr) return false;
    if (!cut_told_) {
      cut_told_ = true;
      set_skipped(step, deed(action) + ", as far as is known",
                  "the connection ended before or during this step");
    } else {
      set_skipped(step, deed(action), "the connection ended before this step");
    }
    step.cure = "run bringup apply again: it does what is left and leaves the rest alone";
    return true;
  }

  static std::string words(const Frame& result) {
    const std::string text = printable(trim(result.payload), 300);
    return text.empty() ? fmt::format("exit status {} and no words", result.exit_status) : text;
  }

  static bool says(const Frame& result, std::string_view text) {
    return result.payload.find(text) != std::string::npos;
  }

  // True when it was sudo that failed, not the command behind it.
  bool judge_sudo(const Frame& result, const Action& action, StepOutcome& step) const {
    // Who may install a daemon may do anything.
    const std::string line =
        is_keeper(action.task) ? full_sudoers_rule(login_user()) : sudoers_rule(login_user());
    const std::string rule = fmt::format(
        "; or give it the sudoers line: {}; or let `bringup bootstrap {} --ask-pass{}` write its "
        "rule",
        line, node_.node, is_keeper(action.task) ? " --full-sudo" : "");
    if (says(result, "incorrect password") || says(result, "Sorry, try again") ||
        says(result, "no password was provided")) {
      set_failed(
          step, deed(action), "sudo: the password was refused",
          "run again with --ask-become-pass and the right password of the login user" + rule);
      return true;
    }
    if (says(result, "sudo: a password is required") ||
        says(result, "sudo: a terminal is required")) {
      set_failed(step, deed(action), "sudo: a password is required",
                 "set become = \"sudo-password\" and run with --ask-become-pass" + rule);
      return true;
    }
    if (says(result, "not in the sudoers") || says(result, "may not run sudo") ||
        says(result, "is not allowed to execute")) {
      set_failed(step, deed(action), "sudo: the login user may not run this: " + words(result),
                 "give it the sudoers line: " + line);
      return true;
    }
    if (result.exit_status == 127 && says(result, "sudo")) {
      set_failed(step, deed(action), "there is no sudo on the node",
                 "install sudo there, or log in as root (user = \"root\")");
      return true;
    }
    if (action.root && (says(result, "ermission denied") || says(result, "not permitted"))) {
      set_failed(step, deed(action), "not allowed without root: " + words(result),
                 "set become = \"sudo\" for this node in the inventory");
      return true;
    }
    return false;
  }

  std::string login_user() const {
    const NodeFacts* facts = before_ != nullptr ? before_ : after_;
    return facts == nullptr ? "" : printable(facts->login_user, 60);
  }

  std::string interface_gone(const std::string& name) const {
    return after_ != nullptr && after_->find_interface(name) == nullptr
               ? fmt::format("{} has no interface {}", node_.node, name)
               : "";
  }

  void judge_detach(const Trace& trace, const CommandParts& parts, StepOutcome& step) {
    const auto& name = parts.interface;
    const auto* bridge = after_ == nullptr ? nullptr : after_->bridge_of(name);
    if (trace.result->exit_status != 0) {
      if (after_ != nullptr && bridge == nullptr &&
          platform::darwin::classify_ifconfig(trace.result->exit_status, trace.result->payload) ==
              platform::darwin::IfconfigFailure::not_a_member) {
        step.status = StepStatus::ok;
        step.text = fmt::format("{} was no longer in {}", name, parts.bridge);
        return;
      }
      set_failed(step, fmt::format("{} not removed from {}", name, parts.bridge),
                 words(*trace.result),
                 fmt::format("run `ifconfig {}` on {} and see which members it lists", parts.bridge,
                             node_.node));
      return;
    }
    const bool held = trace.state != nullptr && trace.state->exit_status == 0;
    const std::string cure = fmt::format(
        "on {}: System Settings > Network > Thunderbolt Bridge: take {} out of it or make it "
        "inactive, stop Internet Sharing, then run bringup apply again",
        node_.node, name);
    if (bridge != nullptr) {
      set_failed(step, fmt::format("{} is still in {}", name, bridge->name),
                 held ? fmt::format("{} left {}, then the system put it into {} again", name,
                                    parts.bridge, bridge->name)
                      : fmt::format("{} still lists {} although deletem reported success",
                                    bridge->name, name),
                 cure);
    } else if (!held && after_ == nullptr) {
      set_failed(
          step, fmt::format("{} is still in {}", name, parts.bridge),
          fmt::format("{} still lists {} although deletem reported success", parts.bridge, name),
          cure);
    } else {
      set_done(step, fmt::format("{} removed from {}", name, parts.bridge));
    }
  }

  void judge_up(const Trace& trace, const CommandParts& parts, const Action& action,
                StepOutcome& step) {
    const auto& name = parts.interface;
    if (const auto gone = interface_gone(name); !gone.empty()) {
      set_failed(step, deed(action), gone, "check the interface's name in the inventory");
      return;
    }
    if (trace.result->exit_status != 0) {
      set_failed(step, deed(action), words(*trace.result),
                 fmt::format("run `sudo ifconfig {} up` on {}", name, node_.node));
      return;
    }
    const bool held = trace.state != nullptr && trace.state->exit_status == 0;
    const auto* seen = after_ == nullptr ? nullptr : after_->find_interface(name);
    if (seen != nullptr ? !seen->up : !held) {
      set_failed(step, fmt::format("{} is down", name),
                 held ? fmt::format("{} came up and went down again", name)
                      : fmt::format("{} stayed down although `ifconfig {} up` reported success",
                                    name, name),
                 fmt::format("run `sudo ifconfig {} up` on {}; if it stays down, replug the cable, "
                             "then restart the Mac",
                             name, node_.node));
      return;
    }
    if (trace.was != nullptr && trace.was->payload == "up") {
      step.status = StepStatus::ok;
      step.text = fmt::format("{} up already", name);
      return;
    }
    set_done(step, fmt::format("{} up", name));
  }

  void judge_address(const Trace& trace, const CommandParts& parts, const Action& action,
                     StepOutcome& step) {
    const auto& name = parts.interface;
    const std::string wanted = parts.address.to_string();
    if (const auto gone = interface_gone(name); !gone.empty()) {
      set_failed(step, deed(action), gone, "check the interface's name in the inventory");
      return;
    }
    const auto* seen = after_ == nullptr ? nullptr : after_->find_interface(name);
    const bool held = trace.state != nullptr && trace.state->exit_status == 0;
    const bool holds =
        seen != nullptr ? std::ranges::find(seen->inet, parts.address) != seen->inet.end() : held;
    // Some errors of ifconfig come with exit status 0: the state decides, the words explain.
    if (trace.result->exit_status != 0 ||
        (!holds && !held && platform::darwin::classify_ifconfig(0, trace.result->payload))) {
      set_failed(step, fmt::format("address {} refused on {}", wanted, name), words(*trace.result),
                 fmt::format("run `{}` on {} and see what it says; another interface may hold this "
                             "address or its subnet (`ifconfig | grep inet`)",
                             action.shown, node_.node));
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
    set_failed(
        step, fmt::format("address {} did not stay on {}", wanted, name),
        held ? now + ": the address was set, then something took it away"
             : now + " although ifconfig reported success",
        fmt::format("on {}: look for exo's network daemon (launchctl print "
                    "system/io.exo.networksetup) or a DHCP service on this port, and stop it",
                    node_.node));
  }

  void judge_file(const Trace& trace, const Action& action, StepOutcome& step) {
    const std::string path = printable(action.target, 200);
    const auto& result = *trace.result;
    if (result.exit_status == 0) {
      if (after_ != nullptr &&
          (!after_->matrix_file.present || after_->matrix_file.content != action.content) &&
          action.target == fleet_.ibv_path) {
        set_failed(step, fmt::format("IBV matrix not as written: {}", path),
                   after_->matrix_file.present
                       ? fmt::format("{} holds something else after the write", path)
                       : fmt::format("{} is gone after the write", path),
                   "see which program writes this file too, or set another ibv_path");
        return;
      }
      set_done(step, fmt::format("IBV matrix written: {}", path));
      return;
    }
    std::string cure = fmt::format("see `ls -lde {}` on {}", path, node_.node);
    std::string seen = words(result);
    if (says(result, "No space left") || says(result, "quota") ||
        result.exit_status == write_code::kCompare || result.exit_status == write_code::kWrite) {
      const bool full = says(result, "No space left") || says(result, "quota");
      if (full) seen = "the disk is full: " + seen;
      if (result.exit_status == write_code::kCompare)
        seen = "what was written reads back otherwise";
      cure = fmt::format(
          "free space on {} (`df -h {}`), then run bringup apply again; the old "
          "file was left as it was",
          node_.node, path);
    } else if (result.exit_status == write_code::kDirectory) {
      cure = "set ibv_path in the inventory to a file's path";
    } else if (result.exit_status == write_code::kCreate) {
      cure =
          "set ibv_path in the inventory to a path in a folder that exists and that the login "
          "user can write";
    } else if (result.exit_status == write_code::kRename) {
      cure = fmt::format("remove the old file on {}: sudo rm {}", node_.node, path);
    }
    set_failed(step, fmt::format("IBV matrix not written: {}", path), seen, cure);
  }

  // Of the changes that undo others. True when the step is judged: the interface is gone, or the
  // command failed.
  bool judge_undo(const Trace& trace, const std::string& name, const Action& action,
                  StepOutcome& step) const {
    if (const auto gone = interface_gone(name); !gone.empty()) {
      set_failed(step, deed(action), gone, "plug in or restore the interface, then run it again");
      return true;
    }
    if (trace.result->exit_status == 0) return false;
    set_failed(step, deed(action), words(*trace.result),
               fmt::format("run `{}` on {} and see what it says", action.shown, node_.node));
    return true;
  }

  static bool state_holds(const Trace& trace) {
    return trace.state != nullptr && trace.state->exit_status == 0;
  }

  void settle_undo(StepOutcome& step, const Action& action, bool holds, std::string text) const {
    if (holds) {
      set_done(step, std::move(text));
      return;
    }
    set_failed(step, deed(action), fmt::format("`{}` reported success", action.shown),
               fmt::format("run it on {} and see what happens", node_.node));
  }

  void judge_attach(const Trace& trace, const CommandParts& parts, const Action& action,
                    StepOutcome& step) const {
    if (judge_undo(trace, parts.interface, action, step)) return;
    const auto* bridge = after_ == nullptr ? nullptr : after_->bridge_of(parts.interface);
    settle_undo(
        step, action,
        after_ == nullptr ? state_holds(trace) : bridge != nullptr && bridge->name == parts.bridge,
        fmt::format("{} put back into {}", parts.interface, parts.bridge));
  }

  void judge_down(const Trace& trace, const CommandParts& parts, const Action& action,
                  StepOutcome& step) const {
    if (judge_undo(trace, parts.interface, action, step)) return;
    const auto* seen = after_ == nullptr ? nullptr : after_->find_interface(parts.interface);
    settle_undo(step, action, seen == nullptr ? state_holds(trace) : !seen->up,
                fmt::format("{} down", parts.interface));
  }

  void judge_removed(const Trace& trace, const CommandParts& parts, const Action& action,
                     StepOutcome& step) const {
    if (judge_undo(trace, parts.interface, action, step)) return;
    const auto* seen = after_ == nullptr ? nullptr : after_->find_interface(parts.interface);
    const bool gone = seen == nullptr ? state_holds(trace)
                                      : std::ranges::none_of(seen->inet, [&](const auto& inet) {
                                          return inet.address == parts.address.address;
                                        });
    settle_undo(step, action, gone,
                fmt::format("address {} removed from {}", parts.address.address.to_string(),
                            parts.interface));
  }

  void judge_file_removed(const Trace& trace, const Action& action, StepOutcome& step) const {
    const std::string path = printable(action.target, 200);
    if (trace.result->exit_status != 0) {
      set_failed(step, deed(action), words(*trace.result),
                 fmt::format("see `ls -lde {}` on {}", path, node_.node));
      return;
    }
    const bool there =
        after_ != nullptr && action.target == fleet_.ibv_path && after_->matrix_file.present;
    settle_undo(step, action, !there, fmt::format("{} removed", path));
  }

  void judge_kept(const Trace& trace, const Action& action, StepOutcome& step) const {
    const std::string cure =
        fmt::format("run `sudo launchctl bootstrap system {}` on {} and see what it says",
                    facts::kKeeperPlist, node_.node);
    if (trace.result->exit_status != 0) {
      const bool full = says(*trace.result, "No space left") ||
                        trace.result->exit_status == write_code::kWrite ||
                        trace.result->exit_status == write_code::kCompare;
      set_failed(step, deed(action), words(*trace.result),
                 full ? fmt::format("free space on {} (`df -h /Library /tmp`), then run bringup "
                                    "apply again",
                                    node_.node)
                      : cure);
      return;
    }
    if (after_ != nullptr) {
      const auto& keeper = after_->keeper;
      if (!keeper.file.present || keeper.file.content != action.content) {
        set_failed(step, deed(action),
                   fmt::format("{} {} after the write", facts::kKeeperPlist,
                               keeper.file.present ? "holds something else" : "is gone"),
                   "see which program changes /Library/LaunchDaemons");
        return;
      }
      if (!keeper.loaded) {
        set_failed(step, deed(action), "launchctl reported success, but the job is not loaded",
                   cure);
        return;
      }
    }
    set_done(step, fmt::format("settings outlive a reboot: {}", facts::kKeeperLabel));
  }

  void judge_not_kept(const Trace& trace, const Action& action, StepOutcome& step) const {
    if (trace.result->exit_status != 0) {
      set_failed(step, deed(action), words(*trace.result),
                 fmt::format("run `sudo launchctl bootout system/{}` on {} and see what it says",
                             facts::kKeeperLabel, node_.node));
      return;
    }
    // A later step of the same plan may have installed another.
    const bool again = std::ranges::any_of(
        node_.actions, [](const Action& one) { return one.task == Task::persist_install; });
    const bool there =
        after_ != nullptr && !again && (after_->keeper.file.present || after_->keeper.loaded);
    settle_undo(step, action, !there, fmt::format("{} removed", facts::kKeeperLabel));
  }

  void judge_rdma_step(StepOutcome& step) const {
    const NodeFacts* facts = after_ != nullptr ? after_ : before_;
    if (facts == nullptr) {
      set_skipped(step, fmt::format("RDMA: not looked at ({})", step.target),
                  "the connection ended before");
      return;
    }
    const RdmaVerdict verdict = judge_rdma(*facts, step.target);
    step.status = verdict.fine ? StepStatus::ok : StepStatus::warning;
    step.text = verdict.text;
    step.seen = verdict.seen;
    step.expected = verdict.expected;
    step.cure = verdict.cure;
  }

  void judge_profiler(StepOutcome& step) const {
    if (before_ != nullptr && !before_->profiler_json.empty()) {
      step.status = StepStatus::ok;
      step.text = fmt::format("Thunderbolt profile kept ({} bytes)", before_->profiler_json.size());
      return;
    }
    step.status = StepStatus::warning;
    step.text = "no Thunderbolt profile";
    step.seen = "system_profiler SPThunderboltDataType -json gave nothing that could be kept";
    step.cure = fmt::format("run it on {} and see what it says", node_.node);
  }

  const model::Fleet& fleet_;
  const NodePlan& node_;
  const NodeFacts* after_;
  const NodeFacts* before_;
  std::map<std::string, const Frame*> frames_;
  bool sudo_told_ = false;
  bool cut_told_ = false;
};

bool is_step_frame(std::string_view name) {
  return name.starts_with("step.") || name.starts_with("apply.");
}

}  // namespace

std::string_view to_string(StepStatus status) {
  switch (status) {
    case StepStatus::done:
      return "done";
    case StepStatus::ok:
      return "ok";
    case StepStatus::warning:
      return "warning";
    case StepStatus::failed:
      return "failed";
    case StepStatus::skipped:
      return "skipped";
  }
  return "failed";
}

NodeOutcome judge_against(const model::Fleet& fleet, const NodePlan& node,
                          const std::vector<Frame>& step_frames, const NodeFacts* after,
                          const NodeFacts* before) {
  return Judge(fleet, node, step_frames, after, before).run();
}

NodeOutcome judge(const model::Fleet& fleet, const NodePlan& node, const std::vector<Frame>& frames,
                  const NodeFacts* before) {
  std::vector<Frame> steps;
  std::vector<Frame> read_back;
  for (const auto& frame : frames) {
    (is_step_frame(frame.name) ? steps : read_back).push_back(frame);
  }
  const auto after = facts::parse_facts(read_back);
  return judge_against(fleet, node, steps, after ? &*after : nullptr, before);
}

}  // namespace bringup::plan
