#include <fstream>
#include <iostream>
#include <iterator>

#include "bringup/cli/session.hpp"
#include "bringup/plan/plan_file.hpp"
#include "bringup/report/json.hpp"
#include "bringup/report/outcome.hpp"
#include "bringup/report/text.hpp"
#include "bringup/run/phases.hpp"
#include "bringup/run/verify.hpp"
#include "bringup/util/text.hpp"
#include "carry_out.hpp"
#include "resume.hpp"

namespace bringup::cli {
namespace {

plan::Plan read_saved(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Exit{2, path + ": cannot be read\n  cure: bringup plan --out " + path + "\n"};
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  auto plan = plan::parse_plan(text);
  if (!plan) {
    throw Exit{2, path + ": " + plan.error().message + "\n  cure: " + plan.error().hint + "\n"};
  }
  return std::move(*plan);
}

// What --guard never gives up, node by node.
void warn_of_risk(Session& session, const plan::Plan& plan) {
  for (const plan::NodePlan& node : plan.nodes) {
    const auto index = session.fleet().node_index(node.node);
    const run::NodeRun* ran = index ? session.crew().find(*index) : nullptr;
    if (ran == nullptr || !ran->facts || node.state != plan::NodeState::ready) continue;
    const auto need =
        plan::guard_need(session.fleet(), node, *ran->facts, plan::GuardMode::automatic);
    if (!need.needed) continue;
    session.warn(node.node + ": " + need.why +
                 ", and --guard never: if the change cuts it off, nothing undoes it, and somebody "
                 "has to go there");
  }
}

}  // namespace

Answer confirm(const Options& options, Session& session, const plan::Plan& plan,
               const std::string& verb) {
  if (options.guard == plan::GuardMode::never) warn_of_risk(session, plan);
  if (plan.changes() == 0 || options.yes == Toggle::on) return Answer::go;
  if (!options.plan_file.empty()) return Answer::go;  // a saved plan was read and approved before
  session.settle();
  std::cerr << report::text_plan(session.fleet(), plan, style_of(options, 2));
  if (!can_ask()) {
    throw Exit{2, "nothing was changed: there is no terminal to confirm on\n  cure: add --yes\n"};
  }
  const auto answer =
      ask_line(verb + " these " + std::to_string(plan.changes()) + " changes? [y/N] ");
  if (!answer) throw Exit{130, "Interrupted. Nothing was changed.\n"};
  if (*answer == "y" || *answer == "Y" || *answer == "yes") return Answer::go;
  std::cerr << "Nothing was changed.\n";
  return Answer::stop;
}

run::ApplyOptions how_to_apply(const Options& options) {
  return {options.guard, options.guard_time, options.serial, options.max_fail};
}

bool run_is_over(const std::string& run) {
  const auto found = run::find_run(run::default_state_home(), run);
  return found && found->state != run::RunState::running;
}

plan::Plan lock_nodes(run::NodeLocks& locks, Session& session, const plan::Plan& plan) {
  if (plan.changes() == 0 || session.interrupted()) return plan;
  auto locked = locks.take(plan);
  if (locked) return std::move(*locked);
  session.settle();
  const Error& error = locked.error();
  session.ended(5);
  throw Exit{
      5, "✗ " + printable(error.message) + "\n  nothing was changed\n  next: " + error.hint + "\n"};
}

report::ApplyReport collect(Session& session, const plan::Plan& plan,
                            std::vector<plan::NodeOutcome> outcomes) {
  report::ApplyReport report;
  report.run = session.journal().id();
  for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
    report::AppliedNode node;
    node.plan = plan.nodes[i];
    node.outcome = std::move(outcomes[i]);
    if (const auto index = session.fleet().node_index(plan.nodes[i].node)) {
      if (const run::NodeRun* ran = session.crew().find(*index)) node.facts = ran->facts;
    }
    report.nodes.push_back(std::move(node));
  }
  return report;
}

int apply_verb(const Options& options) {
  std::optional<plan::Plan> saved;
  std::optional<Unfinished> unfinished;
  if (options.resume == Toggle::on) unfinished = last_unfinished(options);
  if (!options.plan_file.empty()) saved = read_saved(options.plan_file);
  Session session(options, "apply");
  run::gather(session.crew(), run::Profiler::read);
  run::settle_guards(session.crew());
  plan::Plan plan;
  if (saved) {
    auto fresh = run::refresh(session.crew(), *saved);
    if (!fresh) throw Exit{2, fresh.error().message + "\n  cure: " + fresh.error().hint + "\n"};
    plan = std::move(*fresh);
  } else {
    plan = run::make_plan(session.crew());
  }
  if (unfinished) plan = rest_of(session, *unfinished, std::move(plan));
  keep_plan(session, plan);
  if (confirm(options, session, plan, "Apply") == Answer::stop) return session.ended(0);

  run::NodeLocks locks(session.crew(), session.journal().id(), run::operator_name(), run_is_over);
  plan = lock_nodes(locks, session, plan);
  std::vector<plan::NodeOutcome> outcomes(plan.nodes.size());
  if (!session.interrupted()) outcomes = run::apply(session.crew(), plan, how_to_apply(options));
  locks.drop();
  report::ApplyReport report = collect(session, plan, std::move(outcomes));
  keep_facts(session, "after.json");
  if (!session.interrupted()) {
    report.matrix = run::verify(session.crew(), verify::CheckOptions{});
  }
  session.settle();

  const std::string json = report::json_apply(session.fleet(), report);
  session.keep("report.json", json);
  write_result(options, options.format == Format::text
                            ? report::text_apply(session.fleet(), report, result_style(options))
                            : json);
  report::RunSummary summary;
  report::add(summary, report);
  summary.interrupted = session.interrupted();
  const int status = report::exit_status(summary);
  if (status != 0) session.say("The raw output of every node is in " + session.journal().folder());
  return session.ended(status);
}

}  // namespace bringup::cli
