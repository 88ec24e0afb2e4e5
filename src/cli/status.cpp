#include "bringup/cli/session.hpp"
#include "bringup/report/json.hpp"
#include "bringup/report/outcome.hpp"
#include "bringup/report/text.hpp"
#include "bringup/run/phases.hpp"
#include "bringup/run/verify.hpp"
#include "bringup/verify/chain.hpp"

namespace bringup::cli {

int status_verb(const Options& options) {
  Session session(options, "status");
  run::gather(session.crew(), run::Profiler::read);
  const plan::Plan plan = run::make_plan(session.crew());
  run::VerifyOptions what;
  what.checks.only = {verify::CheckKind::route, verify::CheckKind::ping, verify::CheckKind::mtu};
  const run::Verified seen = run::verify_links(session.crew(), what);
  session.settle();

  const auto links = verify::all_links_status(session.fleet(), session.crew().indices(),
                                              seen.evidence, seen.matrix);
  const std::string json = report::json_status(session.fleet(), links);
  session.keep("report.json", json);
  write_result(options, options.format == Format::text
                            ? report::text_status(session.fleet(), links, result_style(options))
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
    return 3;
  }
  return status;
}

}  // namespace bringup::cli
