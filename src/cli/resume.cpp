#include "resume.hpp"

#include <algorithm>

#include "bringup/util/text.hpp"

namespace bringup::cli {
namespace {

// Changes of the plan that have been sent, by its events.
bool began(const std::vector<run::JournalLine>& events) {
  return std::ranges::any_of(events, [](const run::JournalLine& event) {
    return event.phase == "apply" && event.status == "planned";
  });
}

bool cut_short(const run::PastRun& run) {
  const int status = run.note.exit_status.value_or(130);
  return run.state == run::RunState::broken_off || status == 130 || status == 4 || status == 5;
}

bool has(const plan::NodePlan& plan, const plan::Action& action) {
  return std::ranges::any_of(plan.actions, [&](const plan::Action& one) {
    return one.task == action.task && one.command == action.command;
  });
}

}  // namespace

Unfinished last_unfinished(const Options& options) {
  const std::string fleet = load_fleet(options).name;
  const std::string nothing =
      "there is no run to go on with\n  cure: bringup apply does whatever is left to do\n";
  auto runs = run::past_runs(run::default_state_home());
  for (auto run = runs.rbegin(); run != runs.rend(); ++run) {
    const auto& verb = run->note.verb;
    if (run->note.fleet != fleet || (verb != "apply" && verb != "recover")) continue;
    if (run->state == run::RunState::running) {
      throw Exit{2, "the run " + run->note.id + " is still going on\n"};
    }
    const auto events = run::events_of(*run);
    const auto plan = run::plan_of(*run);
    if (!events || !plan || !began(*events)) continue;  // it changed nothing
    if (!cut_short(*run)) throw Exit{2, "the last run, " + run->note.id + ", is done: " + nothing};
    return {*run, *plan, run::nodes_done(*events)};
  }
  throw Exit{2, nothing};
}

plan::Plan rest_of(Session& session, const Unfinished& unfinished, plan::Plan fresh) {
  if (fresh.inventory_digest != unfinished.plan.inventory_digest) {
    throw Exit{2, "the run " + unfinished.run.note.id +
                      " was made from another inventory, or it has changed since\n"
                      "  cure: bringup apply plans anew\n"};
  }
  session.say("Going on with the run " + unfinished.run.note.id + "; done before: " +
              (unfinished.done.empty() ? "no node" : join(unfinished.done, ", ")));
  for (plan::NodePlan& node : fresh.nodes) {
    if (node.state != plan::NodeState::ready) continue;
    const auto planned = std::ranges::find(unfinished.plan.nodes, node.node, &plan::NodePlan::node);
    const bool known =
        planned != unfinished.plan.nodes.end() && planned->state == plan::NodeState::ready;
    const bool other = std::ranges::any_of(node.actions, [&](const plan::Action& action) {
      return plan::nature(action) == plan::Nature::change && !(known && has(*planned, action));
    });
    if (!other) continue;
    node.state = plan::NodeState::refused;
    node.actions.clear();
    node.findings.push_back({plan::Severity::error, "plan", "",
                             "the node has changed since the run that was broken off",
                             "only what that run left undone", "plan anew: bringup apply"});
  }
  return fresh;
}

}  // namespace bringup::cli
