#include "bringup/report/runs.hpp"

#include <algorithm>

#include "bringup/cli/session.hpp"
#include "bringup/run/history.hpp"

namespace bringup::cli {
namespace {

report::ShownRun shown(const run::PastRun& run) {
  report::ShownRun out;
  out.id = run.note.id;
  out.verb = run.note.verb;
  out.fleet = run.note.fleet;
  out.started = run.note.started;
  out.ended = run.note.ended;
  out.who = run.note.who;
  out.state = run::to_string(run.state);
  out.exit_status = run.note.exit_status;
  out.undoes = run.note.undoes;
  out.folder = run.folder;
  return out;
}

// The last word on each step, in the order of nodes and steps; a step that was only planned has
// been sent, and nothing was heard of it.
std::vector<report::RunStep> steps_of(const std::vector<run::JournalLine>& events) {
  std::vector<report::RunStep> steps;
  for (const auto& event : events) {
    if (event.kind != "step" || event.phase != "apply") continue;
    const auto known = std::ranges::find_if(steps, [&](const auto& step) {
      return step.node == event.node && step.step == event.subject && step.status == "planned";
    });
    report::RunStep step{event.node, event.subject, event.status, event.text};
    if (known == steps.end()) {
      steps.push_back(std::move(step));
    } else {
      *known = std::move(step);
    }
  }
  std::ranges::stable_sort(steps, {}, &report::RunStep::node);
  return steps;
}

}  // namespace

int runs_verb(const Options& options) {
  auto runs = run::past_runs(run::default_state_home());
  if (options.show == Toggle::off) {
    std::vector<report::ShownRun> list;
    for (const auto& run : runs) list.push_back(shown(run));
    write_result(options, options.format == Format::text
                              ? report::text_runs(list, result_style(options))
                              : report::json_runs(list));
    return 0;
  }
  if (runs.empty()) throw Exit{2, "there are no runs yet\n"};
  run::PastRun run = runs.back();
  if (!options.run.empty()) {
    auto found = run::find_run(run::default_state_home(), options.run);
    if (!found) throw Exit{2, found.error().message + "\n  cure: " + found.error().hint + "\n"};
    run = std::move(*found);
  }
  report::ShownRun one = shown(run);
  const auto events = run::events_of(run);
  if (!events) throw Exit{1, events.error().message + "\n"};
  one.steps = steps_of(*events);
  write_result(options, options.format == Format::text
                            ? report::text_run(one, result_style(options))
                            : report::json_runs({one}));
  return 0;
}

}  // namespace bringup::cli
