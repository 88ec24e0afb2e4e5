#include <algorithm>
#include <iostream>

#include "bringup/cli/session.hpp"
#include "bringup/report/bootstrap.hpp"
#include "bringup/report/outcome.hpp"
#include "bringup/run/bootstrap.hpp"
#include "bringup/ssh/own_keys.hpp"

namespace bringup::cli {
namespace {

// Sudo's password is used where sudo asks for one, whatever the inventory has.
model::Fleet with_password(model::Fleet fleet) {
  for (model::Node& node : fleet.nodes) {
    if (node.become == model::Become::sudo) node.become = model::Become::sudo_password;
  }
  return fleet;
}

std::vector<plan::LoginKey> login_keys(const Options& options, const model::Fleet& fleet,
                                       std::size_t node) {
  auto keys = ssh::own_keys(client_options(options), run::target_of(fleet, node).endpoint);
  if (!keys) throw Exit{2, keys.error().message + "\n  cure: " + keys.error().hint + "\n"};
  if (keys->empty()) {
    throw Exit{2, "there is no public key to give to " + fleet.nodes[node].name +
                      "\n  cure: make one with `ssh-keygen -t ed25519`, or name one with "
                      "identity_file in the inventory\n"};
  }
  std::vector<plan::LoginKey> out;
  for (ssh::OwnKey& key : *keys) {
    out.push_back({std::move(key.type), std::move(key.base64), std::move(key.comment),
                   std::move(key.fingerprint), std::move(key.from)});
  }
  return out;
}

report::BootstrapReport report_of(const Session& session,
                                  const std::vector<run::BootstrapNode>& nodes,
                                  const std::string& id) {
  report::BootstrapReport out;
  out.run = id;
  for (const run::BootstrapNode& node : nodes) {
    out.nodes.push_back({session.fleet().nodes[node.node->index].name, node.node->error, node.items,
                         node.plan.sudoers});
  }
  return out;
}

bool agreed(const Options& options, Session& session, const report::BootstrapReport& report) {
  const std::size_t changes = report::changed_items(report);
  if (changes == 0 || options.yes == Toggle::on) return true;
  session.settle();
  std::cerr << report::text_bootstrap_plan(report, style_of(options, 2));
  if (!can_ask()) {
    throw Exit{2, "nothing was changed: there is no terminal to confirm on\n  cure: add --yes\n"};
  }
  const auto answer = ask_line("Make these " + std::to_string(changes) + " changes? [y/N] ");
  if (!answer) throw Exit{130, "Interrupted. Nothing was changed.\n"};
  if (*answer == "y" || *answer == "Y" || *answer == "yes") return true;
  std::cerr << "Nothing was changed.\n";
  return false;
}

int finish(const Options& options, Session& session, const report::BootstrapReport& report) {
  session.settle();
  const std::string json = report::json_bootstrap(report);
  session.keep("report.json", json);
  const auto style = result_style(options);
  const std::string text = options.dry_run == Toggle::on
                               ? report::text_bootstrap_plan(report, style)
                               : report::text_bootstrap(report, style);
  write_result(options, options.format == Format::text ? text : json);
  report::RunSummary summary;
  summary.failed = report::failed_items(report);
  for (const auto& node : report.nodes) {
    if (node.error) report::add(summary, *node.error);
  }
  summary.interrupted = session.interrupted();
  return session.ended(report::exit_status(summary));
}

}  // namespace

int bootstrap_verb(const Options& options) {
  model::Fleet fleet = with_password(load_fleet(options));
  std::vector<std::vector<plan::LoginKey>> keys(fleet.nodes.size());
  for (const std::size_t i : selection(options, fleet)) keys[i] = login_keys(options, fleet, i);

  Session session(options, "bootstrap", std::move(fleet));
  const std::string id = session.journal().id();
  std::vector<run::BootstrapNode> nodes;
  for (run::NodeRun& node : session.crew().nodes()) {
    nodes.push_back({&node, keys[node.index], {}, {}});
  }
  run::bootstrap_look(
      session.crew(), nodes,
      options.full_sudo == Toggle::on ? plan::SudoScope::full : plan::SudoScope::limited);
  const report::BootstrapReport planned = report_of(session, nodes, id);
  session.keep("plan.json", report::json_bootstrap(planned));
  if (options.dry_run == Toggle::on) return finish(options, session, planned);
  if (!agreed(options, session, planned)) return session.ended(0);

  run::bootstrap_change(session.crew(), nodes);
  ssh::ClientOptions key_alone = session.client();
  for (const auto& node : nodes) {
    key_alone.key_alone.push_back(session.fleet().nodes[node.node->index].name);
  }
  const auto transport = ssh::make_client(std::move(key_alone));
  run::bootstrap_check(session.crew(), nodes, *transport);
  const report::BootstrapReport done = report_of(session, nodes, id);
  if (report::changed_items(done) == 0 && report::failed_items(done) == 0) {
    session.say("There was nothing to change.");
  }
  return finish(options, session, done);
}

}  // namespace bringup::cli
