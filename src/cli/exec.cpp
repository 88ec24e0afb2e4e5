#include <algorithm>

#include "bringup/cli/session.hpp"
#include "bringup/report/exec.hpp"
#include "bringup/report/outcome.hpp"
#include "bringup/run/phases.hpp"

namespace bringup::cli {

int exec_verb(const Options& options) {
  Session session(options, "exec");
  auto outcomes = run::run_command(session.crew(), options.command);
  session.settle();

  report::RunSummary summary;
  std::vector<report::CommandResult> results;
  for (run::CommandOutcome& outcome : outcomes) {
    report::CommandResult result;
    result.node = std::move(outcome.node);
    if (outcome.result) {
      result.exit_status = outcome.result->exit_status;
      result.signal = std::move(outcome.result->signal);
      result.out = std::move(outcome.result->out);
      result.err = std::move(outcome.result->err);
      result.truncated = outcome.result->truncated;
      if (result.exit_status != 0 || !result.signal.empty() || result.truncated) ++summary.failed;
    } else {
      result.error = outcome.result.error();
      report::add(summary, *result.error);
    }
    results.push_back(std::move(result));
  }
  write_result(options, options.format == Format::text
                            ? report::text_exec(results, result_style(options))
                            : report::json_exec(results));
  summary.interrupted = session.interrupted();
  return session.ended(report::exit_status(summary));
}

}  // namespace bringup::cli
