#include <algorithm>

#include "bringup/plan/plan_file.hpp"
#include "bringup/plan/undo.hpp"
#include "bringup/report/rollback.hpp"
#include "bringup/report/text.hpp"
#include "bringup/run/history.hpp"
#include "bringup/run/phases.hpp"
#include "bringup/util/text.hpp"
#include "carry_out.hpp"

namespace bringup::cli {
namespace {

// A run to undo: its plan, and the facts that it recorded before it began.
struct Undoable {
  run::PastRun run;
  plan::Plan plan;
  facts::Record before;
};

[[noreturn]] void refuse(const Error& error) {
  throw Exit{2, error.message + (error.hint.empty() ? "" : "\n  cure: " + error.hint) + "\n"};
}

bool sent_changes(const run::PastRun& run) {
  const auto events = run::events_of(run);
  return events && std::ranges::any_of(*events, [](const run::JournalLine& event) {
           return event.phase == "apply" && event.status == "planned";
         });
}

run::PastRun chosen(const Options& options, const std::string& fleet) {
  const std::string home = run::default_state_home();
  if (!options.run.empty()) {
    auto found = run::find_run(home, options.run);
    if (!found) refuse(found.error());
    return std::move(*found);
  }
  const auto runs = run::past_runs(home);
  for (auto run = runs.rbegin(); run != runs.rend(); ++run) {
    const bool changes = run->note.verb == "apply" || run->note.verb == "recover";
    if (changes && run->note.fleet == fleet && sent_changes(*run)) return *run;
  }
  throw Exit{2, "no run of this fleet has changed anything\n  cure: bringup runs lists them\n"};
}

Undoable undoable(const Options& options, const std::string& fleet) {
  run::PastRun run = chosen(options, fleet);
  if (run.state == run::RunState::running) {
    throw Exit{2, "the run " + run.note.id + " is still going on (process " +
                      std::to_string(run.note.pid) + ")\n  cure: wait, or end it first\n"};
  }
  if (run.note.fleet != fleet) {
    throw Exit{2, "the run " + run.note.id + " was of the fleet " + printable(run.note.fleet, 80) +
                      ", the inventory is of " + fleet + "\n  cure: name its inventory with -i\n"};
  }
  auto plan = run::plan_of(run);
  if (!plan) refuse(plan.error());
  auto before = run::facts_before(run);
  if (!before) refuse(before.error());
  return {std::move(run), std::move(*plan), std::move(*before)};
}

// The nodes that the run may have changed, and that the inventory still has.
std::vector<std::string> touched(const Undoable& it, const model::Fleet& fleet) {
  std::vector<std::string> names;
  for (const auto& node : it.plan.nodes) {
    if (node.changes() == 0 || it.before.find(node.node) == nullptr) continue;
    if (!fleet.node_index(node.node)) {
      throw Exit{2, "the run changed " + printable(node.node, 60) +
                        ", which the inventory does not have\n  cure: use the inventory of that "
                        "run\n"};
    }
    names.push_back(node.node);
  }
  return names;
}

plan::Plan plan_back(Session& session, const Undoable& it) {
  plan::Plan plan;
  plan.fleet = session.fleet().name;
  plan.inventory_digest = plan::inventory_digest(session.fleet());
  for (const run::NodeRun& node : session.crew().nodes()) {
    const std::string& name = session.fleet().nodes[node.index].name;
    const auto ran = std::ranges::find(it.plan.nodes, name, &plan::NodePlan::node);
    const auto* before = it.before.find(name);
    if (ran == it.plan.nodes.end() || before == nullptr || ran->changes() == 0) continue;
    if (node.error || !node.facts) {
      plan::NodePlan missing;
      missing.node = name;
      missing.state = plan::NodeState::unreachable;
      missing.error = node.error;
      plan.nodes.push_back(std::move(missing));
    } else {
      plan.nodes.push_back(plan::undo(session.fleet(), node.index, *before, *node.facts, *ran));
    }
  }
  return plan;
}

// Whether the difference is in what the run touched.
bool is_of(const plan::NodePlan& ran, const std::string& item) {
  return std::ranges::any_of(ran.actions, [&](const plan::Action& action) {
    if (plan::nature(action) == plan::Nature::check) return false;
    if (plan::is_keeper(action.task)) return item == "keeper";
    return plan::is_file(action.task)
               ? item == "matrix file"
               : item == action.target || item.starts_with(action.target + " ");
  });
}

report::RollbackReport report_of(Session& session, const Undoable& it, const plan::Plan& plan,
                                 std::vector<plan::NodeOutcome> outcomes) {
  report::RollbackReport out;
  out.run = session.journal().id();
  out.undoes = it.run.note.id;
  report::ApplyReport applied = collect(session, plan, std::move(outcomes));
  for (auto& node : applied.nodes) {
    report::RolledBackNode one;
    const auto index = session.fleet().node_index(node.plan.node);
    const run::NodeRun* ran_on = index ? session.crew().find(*index) : nullptr;
    const auto ran = std::ranges::find(it.plan.nodes, node.plan.node, &plan::NodePlan::node);
    if (node.facts && ran_on != nullptr && !ran_on->error) {
      one.compared = true;
      for (auto& difference : facts::compare(*it.before.find(node.plan.node),
                                             facts::record_of(node.plan.node, *node.facts))) {
        const bool ours = is_of(*ran, difference.item);
        one.fields.push_back({std::move(difference), ours});
      }
    }
    one.applied = std::move(node);
    out.nodes.push_back(std::move(one));
  }
  return out;
}

}  // namespace

int rollback_verb(const Options& given) {
  model::Fleet fleet = load_fleet(given);
  const Undoable it = undoable(given, fleet.name);
  Options options = given;
  fleet.ibv_path = it.before.matrix_path;
  const auto names = touched(it, fleet);
  if (options.limit.empty()) options.limit = join(names, ",");
  if (names.empty()) {
    write_result(options, "There is nothing to undo: " + it.run.note.id + " changed no node.\n");
    return 0;
  }
  Session session(options, "rollback", std::move(fleet), it.run.note.id);
  run::gather(session.crew(), run::Profiler::skip);
  run::settle_guards(session.crew());
  plan::Plan plan = plan_back(session, it);
  keep_plan(session, plan);
  if (options.dry_run == Toggle::on) {
    session.settle();
    write_result(options, options.format == Format::text
                              ? report::text_plan(session.fleet(), plan, result_style(options))
                              : plan::to_json(plan));
    report::RunSummary summary;
    report::add(summary, plan);
    return session.ended(report::exit_status(summary));
  }
  const bool whole = std::ranges::all_of(plan.nodes, [](const plan::NodePlan& node) {
    return node.state == plan::NodeState::ready && !node.has_errors();
  });
  if (plan.changes() == 0 && whole) {
    session.say("There is nothing to undo: the nodes are as they were before " + it.run.note.id +
                ".");
  }
  if (confirm(options, session, plan, "Undo with") == Answer::stop) return session.ended(0);
  run::NodeLocks locks(session.crew(), session.journal().id(), run::operator_name(), run_is_over);
  plan = lock_nodes(locks, session, plan);
  std::vector<plan::NodeOutcome> outcomes(plan.nodes.size());
  if (!session.interrupted()) outcomes = run::apply(session.crew(), plan, how_to_apply(options));
  locks.drop();
  keep_facts(session, "after.json");
  const report::RollbackReport report = report_of(session, it, plan, std::move(outcomes));
  session.settle();
  const std::string json = report::json_rollback(report);
  session.keep("report.json", json);
  write_result(options, options.format == Format::text
                            ? report::text_rollback(session.fleet(), report, result_style(options))
                            : json);
  report::ApplyReport steps;
  for (const auto& node : report.nodes) steps.nodes.push_back(node.applied);
  report::RunSummary summary;
  report::add(summary, steps);
  summary.failed += report::not_returned(report);
  summary.interrupted = session.interrupted();
  return session.ended(report::exit_status(summary));
}

}  // namespace bringup::cli
