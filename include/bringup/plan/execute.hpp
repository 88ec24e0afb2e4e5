#pragma once
// From a NodePlan to the one script that carries it out, and from what that printed to outcomes.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bringup/facts/script.hpp"
#include "bringup/plan/guard_state.hpp"
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
  std::string text;                  // one line: "en5 removed from bridge0"
  std::string seen, expected, cure;  // set unless done or ok
  std::string raw;                   // the command's own words, bounded; for the journal
};

// What became of a guarded change, as the node's own state file tells.
struct GuardOutcome {
  GuardState state = GuardState::none;
  std::string why;     // why it was guarded
  std::string reason;  // why it was not confirmed; empty when it was
};

struct NodeOutcome {
  std::string node;
  std::vector<StepOutcome> steps;
  GuardOutcome guard = {};
  std::optional<Error> error;  // connection lost, cancelled, script broke off: steps tell how far
};

struct ApplyScriptOptions {
  std::string nonce;
  std::string ibv_path;
  model::Become become = model::Become::sudo;
};

// POSIX sh for `sh -s` (with Become::sudo_password: for become_wrapper() instead). Runs the node's
// changes in order, each framed "step.N" with N its place in `actions`; a failed step makes later
// steps on the same target skip; waits until ports are up and addresses hold (bounded, about 5 s
// each); then prints the facts frames again for read-back. Nothing runs unless all of it arrived.
// With Become::sudo_password the password is expected in the shell variable BU_PW and handed to
// sudo on stdin only. A session as root needs no sudo, whatever `become` says.
std::string apply_script(const NodePlan& node, const ApplyScriptOptions& options);

// The remote command for Become::sudo_password, instead of "sh -s": it reads one line of stdin, the
// password, then the rest as the script. Quoted so that any login shell passes it on unchanged.
std::string become_wrapper();

// Judges every step by its own exit and by the facts read back: a command that reports success but
// left the old state is failed. `frames` may end early (connection cut): later steps are skipped
// and `error` says so. `before` (facts that the plan was made of) lets profiler.collect be judged,
// whose data the read-back does not hold; without it that step is left out.
NodeOutcome judge(const model::Fleet& fleet, const NodePlan& node,
                  const std::vector<facts::Frame>& frames,
                  const facts::NodeFacts* before = nullptr);

// The same from frames of steps and facts already parsed. For a node without changes no script need
// run: judge_against(fleet, node, {}, &facts, &facts) judges its checks. `after` is null when no
// read-back came.
NodeOutcome judge_against(const model::Fleet& fleet, const NodePlan& node,
                          const std::vector<facts::Frame>& step_frames,
                          const facts::NodeFacts* after, const facts::NodeFacts* before);

}  // namespace bringup::plan
