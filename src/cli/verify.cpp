#include "bringup/cli/session.hpp"
#include "bringup/report/json.hpp"
#include "bringup/report/outcome.hpp"
#include "bringup/report/text.hpp"
#include "bringup/run/phases.hpp"

namespace bringup::cli {
namespace {

std::vector<verify::CheckKind> kinds(const std::vector<std::string>& words) {
  std::vector<verify::CheckKind> out;
  for (const std::string& word : words) {
    if (word == "route") {
      out.push_back(verify::CheckKind::route);
    } else if (word == "ping") {
      out.push_back(verify::CheckKind::ping);
    } else {
      throw Exit{2, "--only: there is no check '" + word + "'\n  cure: use route or ping\n"};
    }
  }
  return out;
}

}  // namespace

int verify_verb(const Options& options) {
  verify::CheckOptions checks;
  checks.ping_count = options.ping_count;
  checks.ping_interval_s = options.ping_interval_s;
  if (!options.only.empty()) checks.only = kinds(options.only);

  Session session(options, "verify");
  const verify::Matrix matrix = run::verify(session.crew(), checks);
  session.settle();
  const std::string json = report::json_verify(session.fleet(), matrix);
  session.keep("report.json", json);
  write_result(options, options.format == Format::text
                            ? report::text_verify(session.fleet(), matrix, result_style(options))
                            : json);
  report::RunSummary summary;
  report::add(summary, matrix);
  for (const run::NodeRun& node : session.crew().nodes()) {
    if (node.error) report::add(summary, *node.error);
  }
  summary.interrupted = session.interrupted();
  const int status = report::exit_status(summary);
  if (status != 0) session.say("The raw output of every node is in " + session.journal().folder());
  return status;
}

}  // namespace bringup::cli
