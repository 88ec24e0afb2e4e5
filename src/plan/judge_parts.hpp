#pragma once
// What the judgements of a step have in common: what they go by, and the words that they use.
#include <string>
#include <string_view>

#include "bringup/plan/commands.hpp"
#include "bringup/plan/execute.hpp"

namespace bringup::plan {

// What a step's frames tell; null where no such frame came.
struct Trace {
  const facts::Frame* result = nullptr;   // the command's exit and words
  const facts::Frame* skipped = nullptr;  // payload: "target", "sudo" or "malformed"
  const facts::Frame* was = nullptr;      // interface.up: payload "up" or "down" just before
  const facts::Frame* state = nullptr;    // the script's own look afterwards: status 0: it held
};

// What one step is judged by.
struct Evidence {
  const model::Fleet& fleet;
  const NodePlan& node;
  const facts::NodeFacts* after;   // null: nothing was read back
  const facts::NodeFacts* before;  // null: not known
  const Action& action;
  Trace trace;
  CommandParts parts;
};

void set_failed(StepOutcome& step, std::string text, std::string seen, std::string cure);
void set_done(StepOutcome& step, std::string text);
void set_skipped(StepOutcome& step, std::string text, std::string seen);

// What was not done, when it was not: "en5 not brought up".
std::string deed(const Action& action);
// The command's own words in one line, or its exit status where it had none.
std::string words(const facts::Frame& result);
bool says(const facts::Frame& result, std::string_view text);
// Non-empty: the facts read back have no such interface.
std::string interface_gone(const Evidence& e, const std::string& name);
bool state_holds(const Evidence& e);

// True when it was sudo that failed, not the command behind it: the step is judged then.
bool judge_sudo(const Evidence& e, const facts::Frame& result, StepOutcome& step);

// Of a change whose command ran (e.trace.result is there), by its task.
void judge_detach(const Evidence& e, StepOutcome& step);
void judge_up(const Evidence& e, StepOutcome& step);
void judge_address(const Evidence& e, StepOutcome& step);
void judge_file(const Evidence& e, StepOutcome& step);
void judge_attach(const Evidence& e, StepOutcome& step);
void judge_down(const Evidence& e, StepOutcome& step);
void judge_removed(const Evidence& e, StepOutcome& step);
void judge_file_removed(const Evidence& e, StepOutcome& step);
void judge_kept(const Evidence& e, StepOutcome& step);
void judge_not_kept(const Evidence& e, StepOutcome& step);
// bridge_detach, bridge_attach, interface_up and interface_down of Linux.
void judge_ip_link(const Evidence& e, StepOutcome& step);
void judge_settings(const Evidence& e, StepOutcome& step);
void judge_settings_removed(const Evidence& e, StepOutcome& step);
void judge_route(const Evidence& e, StepOutcome& step);
void judge_forwarding(const Evidence& e, StepOutcome& step);
void judge_neighbour(const Evidence& e, StepOutcome& step);

}  // namespace bringup::plan
