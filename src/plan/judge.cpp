#include <fmt/format.h>

#include <map>

#include "judge_parts.hpp"
#include "rdma_words.hpp"

namespace bringup::plan {
namespace {

using facts::Frame;
using facts::NodeFacts;

constexpr std::size_t kMaxRaw = 4096;

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

  void judge_change(const Trace& trace, const Action& action, StepOutcome& step) {
    const auto parts = parse_command(action);
    if (!parts) {
      set_skipped(step, fmt::format("{} not done", action.target),
                  "the plan's command is not one that bringup builds");
      return;
    }
    const Evidence evidence{fleet_, node_, after_, before_, action, trace, *parts};
    if (judge_not_run(evidence, step)) return;
    step.raw = trace.result->payload.substr(0, kMaxRaw);
    if (trace.result->exit_status != 0 && judge_sudo(evidence, *trace.result, step)) return;
    judge_ran(evidence, step);
  }

  static void judge_ran(const Evidence& evidence, StepOutcome& step) {
    if (evidence.parts.os == facts::Os::linux_kernel && !evidence.parts.settings &&
        !is_forwarding(evidence.action.task)) {
      return judge_ip_link(evidence, step);
    }
    switch (evidence.action.task) {
      case Task::bridge_detach:
        return judge_detach(evidence, step);
      case Task::interface_up:
        return judge_up(evidence, step);
      case Task::address_assign:
        return judge_address(evidence, step);
      case Task::file_write:
        return judge_file(evidence, step);
      case Task::bridge_attach:
        return judge_attach(evidence, step);
      case Task::interface_down:
        return judge_down(evidence, step);
      case Task::address_remove:
        return judge_removed(evidence, step);
      case Task::file_remove:
        return judge_file_removed(evidence, step);
      case Task::persist_install:
        return judge_kept(evidence, step);
      case Task::persist_remove:
        return judge_not_kept(evidence, step);
      case Task::settings_set:
        return judge_settings(evidence, step);
      case Task::settings_remove:
        return judge_settings_removed(evidence, step);
      case Task::route_add:
      case Task::route_remove:
        return judge_route(evidence, step);
      case Task::forwarding_enable:
      case Task::forwarding_disable:
        return judge_forwarding(evidence, step);
      case Task::neighbour_set:
      case Task::neighbour_remove:
        return judge_neighbour(evidence, step);
      case Task::rdma_check:
      case Task::profiler_collect:
        break;
    }
  }

  // True when the step has no result of its own.
  bool judge_not_run(const Evidence& evidence, StepOutcome& step) {
    const Trace& trace = evidence.trace;
    const Action& action = evidence.action;
    if (const Frame* sudo = frame("apply.sudo"); sudo != nullptr && sudo->exit_status != 0) {
      if (!sudo_told_) {
        sudo_told_ = true;
        step.raw = sudo->payload.substr(0, kMaxRaw);
        if (!judge_sudo(evidence, *sudo, step)) {
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
