#pragma once
// From a NodePlan to the one script that carries it out, and from what that printed to outcomes.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bringup/facts/script.hpp"
#include "bringup/plan/plan.hpp"

namespace bringup::plan {

enum class StepStatus {
  done,     // ran, and read-back shows the desired state
  ok,       // a check that found all well, or a change found already made
  warning,  // a check that found something to tell
  failed,   // ran and failed, or read-back does not show the desired state
  skipped,  // an earlier step on the same target failed, or the run was cut short
};
std::string_view to_string(StepStatus status);

struct StepOutcome {
  Task task = Task::bridge_detach;
  std::string target;
  StepStatus status = StepStatus::skipped;
  std::string text;  // one line: "en5 removed from bridge0"
  std::string seen, expected, cure;  // set unless done or ok
  std::string raw;   // the command's own words, bounded; for the journal
};

struct NodeOutcome {
  std::string node;
  std::vector<StepOutcome> steps;
  std::optional<Error> error;  // connection lost, cancelled, script broke off: steps tell how far
};

struct ApplyScriptOptions {
  std::string nonce;
  std::string ibv_path;
  model::Become become = model::Become::sudo;
};

// POSIX sh for `sh -s`. Runs the node's actions in order, each framed "step.N"; a failed step makes
// later steps on the same target skip; polls until addresses hold (bounded, about 5 s); then prints
// the facts frames again for read-back. With Become::sudo_password the script expects the password
// in the shell variable BU_PW (set by the wrapper in become_wrapper) and hands it to sudo on stdin.
std::string apply_script(const NodePlan& node, const ApplyScriptOptions& options);

// Judges every step by its own exit and by the facts read back: a command that reports success but
// left the old state is failed. `frames` may end early (connection cut): later steps are skipped.
NodeOutcome judge(const model::Fleet& fleet, const NodePlan& node,
                  const std::vector<facts::Frame>& frames);

}  // namespace bringup::plan
