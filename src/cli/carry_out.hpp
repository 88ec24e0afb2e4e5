#pragma once
// What the verbs that change nodes share. Internal to the room.
#include <string>

#include "bringup/cli/session.hpp"
#include "bringup/report/outcome.hpp"
#include "bringup/run/lock.hpp"
#include "bringup/run/phases.hpp"

namespace bringup::cli {

enum class Answer { go, stop };

// Shows the plan and asks, unless --yes or nothing would change. Throws Exit where nobody can
// answer. `verb`: "Apply", "Undo".
Answer confirm(const Options& options, Session& session, const plan::Plan& plan,
               const std::string& verb);

// Whether this run of ours has ended or was broken off.
bool run_is_over(const std::string& run);

// Locks the nodes that the plan changes; the plan without those that have changed since. Throws
// Exit(5) where another controller is at work.
plan::Plan lock_nodes(run::NodeLocks& locks, Session& session, const plan::Plan& plan);

// What --guard, --guard-seconds, --serial and --max-fail said.
run::ApplyOptions how_to_apply(const Options& options);

report::ApplyReport collect(Session& session, const plan::Plan& plan,
                            std::vector<plan::NodeOutcome> outcomes);

}  // namespace bringup::cli
