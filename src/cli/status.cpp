#include <algorithm>
#include <iostream>

#include "bringup/cli/session.hpp"
#include "bringup/report/json.hpp"
#include "bringup/report/outcome.hpp"
#include "bringup/report/text.hpp"
#include "bringup/run/collect.hpp"
#include "bringup/run/phases.hpp"
#include "bringup/run/verify.hpp"
#include "bringup/util/text.hpp"
#include "bringup/verify/chain.hpp"

namespace bringup::cli {
namespace {

// A listing of interfaces that is missing tells nothing of them; every system has one at least.
bool knows_interfaces(const verify::NodeEvidence& evidence) {
  return evidence.facts == nullptr || !evidence.facts->interfaces.empty();
}

// From a folder: what facts alone can tell; what would have to be measured stays unknown.
int status_from(const Options& options) {
  const auto collected = collected_in(options.from);
  const model::Fleet fleet = load_fleet_or(options, collected.inventory);
  const std::vector<std::size_t> selected = selection(options, fleet);
  std::vector<verify::NodeEvidence> evidence(fleet.nodes.size());
  std::vector<report::NodeKeeper> keepers;
  report::RunSummary summary;
  std::size_t changes = 0;
  for (const std::size_t index : selected) {
    const std::string& name = fleet.nodes[index].name;
    const auto node = std::find_if(collected.nodes.begin(), collected.nodes.end(),
                                   [&](const auto& one) { return one.node == name; });
    if (node == collected.nodes.end()) {
      std::cerr << "warning: " << name << " is not in " << printable(options.from) << "\n";
    } else if (!node->facts) {
      evidence[index].error = node->facts.error();
      report::add(summary, node->facts.error());
    } else {
      evidence[index].facts = &*node->facts;
      keepers.push_back(report::node_keeper(fleet, index, *node->facts));
      if (knows_interfaces(evidence[index])) {
        changes += plan::diff(fleet, index, *node->facts).changes();
      }
      for (const std::string& problem : node->facts->problems) {
        std::cerr << "warning: " << name << ": " << printable(problem) << "\n";
      }
    }
  }
  const auto links = verify::all_links_status(fleet, selected, evidence, {});
  const auto findings = verify::findings_beside_links(fleet, evidence);
  write_result(options,
               options.format == Format::text
                   ? report::text_status(fleet, links, result_style(options), findings, keepers)
                   : report::json_status(fleet, links, findings, keepers));
  summary.differences = options.detailed_exit_code == Toggle::on && changes > 0;
  return report::exit_status(summary);
}

}  // namespace

int status_verb(const Options& options) {
  if (!options.from.empty()) return status_from(options);
  Session session(options, "status");
  run::gather(session.crew(), run::Profiler::read);
  const plan::Plan plan = run::make_plan(session.crew());
  run::VerifyOptions what;
  what.checks.only = {verify::CheckKind::route, verify::CheckKind::ping, verify::CheckKind::mtu};
  const run::Verified seen = run::verify_links(session.crew(), what);
  session.settle();

  const auto links = verify::all_links_status(session.fleet(), session.crew().indices(),
                                              seen.evidence, seen.matrix);
  const auto findings = verify::findings_beside_links(session.fleet(), seen.evidence);
  std::vector<report::NodeKeeper> keepers;
  for (const run::NodeRun& node : session.crew().nodes()) {
    if (!node.facts) continue;
    keepers.push_back(report::node_keeper(session.fleet(), node.index, *node.facts));
  }
  const std::string json = report::json_status(session.fleet(), links, findings, keepers);
  session.keep("report.json", json);
  write_result(options, options.format == Format::text
                            ? report::text_status(session.fleet(), links, result_style(options),
                                                  findings, keepers)
                            : json);
  report::RunSummary summary;
  report::add(summary, seen.matrix);
  for (const run::NodeRun& node : session.crew().nodes()) {
    if (node.error) report::add(summary, *node.error);
  }
  summary.interrupted = session.interrupted();
  const std::size_t changes = plan.changes();
  if (changes > 0) {
    session.say(std::to_string(changes) + (changes == 1 ? " change" : " changes") +
                " would be made; see: bringup plan");
  }
  const int status = report::exit_status(summary);
  // Differences are what --detailed-exitcode is asked for; only worse things go before them.
  if (options.detailed_exit_code == Toggle::on && changes > 0 && (status == 0 || status == 6)) {
    return session.ended(3);
  }
  return session.ended(status);
}

}  // namespace bringup::cli
