#pragma once
// Runs that were, read back from the folders they left: see journal.hpp. What stands there is text
// from a disk: parsed strictly, bounded in size.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bringup/facts/record.hpp"
#include "bringup/plan/plan.hpp"
#include "bringup/util/error.hpp"

namespace bringup::run {

// run.json, "bringup.run/1" (docs/schema/run-1.json).
struct RunNote {
  std::string id, verb, fleet;
  std::string started, ended;  // RFC 3339; `ended` empty: not yet, or it never came to its end
  std::string who;             // user@host of the controller
  long pid = 0;
  std::optional<int> exit_status;
  std::string undoes;  // rollback: the run that it undoes
};
std::string to_json(const RunNote& note);
Expected<RunNote> parse_run_note(std::string_view text);

enum class RunState { running, ended, broken_off };
std::string_view to_string(RunState state);

struct PastRun {
  RunNote note;
  std::string folder;
  RunState state = RunState::broken_off;
};

// Every run below the state folder, the oldest first. Folders without a note are left out.
std::vector<PastRun> past_runs(const std::string& state_home);
// The run of this name. Fails (usage), naming the nearest.
Expected<PastRun> find_run(const std::string& state_home, const std::string& id);

// Its plan and the facts that it recorded before and after its changes. Fails (usage) where there
// are none, (parse) where they cannot be read.
Expected<plan::Plan> plan_of(const PastRun& run);
Expected<facts::Record> facts_before(const PastRun& run);
Expected<facts::Record> facts_after(const PastRun& run);

// One line of events.jsonl (docs/schema/journal-1.json).
struct JournalLine {
  std::string time, kind, phase, node, subject, status, text, hint;
};
// A last line that was cut off is left out. Fails (parse) on any other that is not of the schema.
Expected<std::vector<JournalLine>> parse_events(std::string_view text);
Expected<std::vector<JournalLine>> events_of(const PastRun& run);

// The nodes on which the run's changes came to their end, by its events: whatever became of the
// steps, the node told.
std::vector<std::string> nodes_done(const std::vector<JournalLine>& events);

}  // namespace bringup::run
