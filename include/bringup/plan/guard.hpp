#pragma once
// A change that could cut the operator off is made under a guard: the node itself holds the inverse
// and undoes the change unless a new connection confirms it in time. docs/guard.md tells the whole.
//
// On the node: ~/.bringup/guard/ID/, 0700, with the inverse as a script (`undo`), the time that is
// left (`deadline`, seconds since arming), what the steps printed (`log`) and one file whose name
// is the state. A state changes by rename alone, so that of a commit and a rollback exactly one
// wins.
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bringup/facts/script.hpp"
#include "bringup/plan/guard_state.hpp"
#include "bringup/plan/plan.hpp"

namespace bringup::plan {

enum class GuardMode {
  automatic,  // where a change touches the session's path, or a node that others are reached
              // through
  always,     // wherever something changes
  never,
};
std::vector<std::string> guard_mode_words();  // "auto", "always", "never"
std::optional<GuardMode> parse_guard_mode(std::string_view word);

// Why a node's changes are made under a guard, and what its address is afterwards.
struct GuardNeed {
  bool needed = false;
  bool cuts_session = false;  // the session is likely to stall or break while the steps run
  std::string why;            // one clause: "the session arrives through en0"
  // Where the node answers after the change, when the session's own address is replaced.
  std::optional<model::Ipv4> new_address;
};
// The node's own reasons; its partners' come from guard_groups().
GuardNeed guard_need(const model::Fleet& fleet, const NodePlan& node, const facts::NodeFacts& facts,
                     GuardMode mode);

// Who stands or falls together: nodes of the plan joined by links that change at both ends, of
// which at least one needs a guard. `needs[i]` belongs to plan.nodes[i]; partners are marked there.
// Each group lists places in plan.nodes, in order; nodes without a guard are in none.
std::vector<std::vector<std::size_t>> guard_groups(const model::Fleet& fleet, const Plan& plan,
                                                   std::vector<GuardNeed>& needs);

struct GuardScriptOptions {
  std::string id;     // random_hex(16): the folder's name
  std::string nonce;  // of the frames
  std::string ibv_path;
  model::Become become = model::Become::sudo;
  int seconds = 90;           // until the node undoes by itself
  bool cuts_session = false;  // then the script ends as soon as the guard is armed
  int wait_seconds = 50;      // else it waits this long for the steps
  std::string preamble;       // goes before what is armed and what runs beside the session
};

// All of these are for `sh -s`, or become_wrapper() with Become::sudo_password, and print frames.

// Arms, then starts the steps, detached from the session. Frames: "guard.refused" (payload: why;
// nothing was changed), "apply.sudo" as in apply_script, "guard.probe" (the gateway answers: 0),
// "guard.armed" (payload: the folder).
std::string guard_arm_script(const NodePlan& node, const facts::NodeFacts& before,
                             const GuardScriptOptions& options);

enum class GuardAwait { applied, settled };
// What the guard's folder says: "guard.state" (a GuardState word), "guard.applied" (status 0: all
// steps were run), the facts, then the steps' frames. Waits up to `wait_seconds` for what is
// awaited. With `extend_to` the node waits until that many seconds since arming.
std::string guard_look_script(const facts::NodeFacts& before, const GuardScriptOptions& options,
                              GuardAwait await, std::optional<int> extend_to);

// Confirms. Frame "guard.state".
std::string guard_commit_script(const GuardScriptOptions& options);

// Undoes now what is armed or committed, detached from the session, and waits for the end of it as
// guard_look_script does.
std::string guard_rollback_script(const NodePlan& node, const facts::NodeFacts& before,
                                  const GuardScriptOptions& options);

// Takes the folder of a settled guard away.
std::string guard_forget_script(const std::string& id);

// For guards that an earlier run left armed: waits until each is settled (up to `wait_seconds`);
// where its processes are gone, undoes by the script that it left. Frame "guard.pending": status 0
// when nothing is left open.
std::string guard_settle_script(const GuardScriptOptions& options);

// The state in the last frame "guard.state"; `unknown` without one.
GuardState guard_state(const std::vector<facts::Frame>& frames);

}  // namespace bringup::plan
