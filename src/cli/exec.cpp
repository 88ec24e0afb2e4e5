#include <iostream>
#include <map>

#include "bringup/cli/session.hpp"
#include "bringup/report/exec.hpp"
#include "bringup/run/phases.hpp"

namespace bringup::cli {

int exec_verb(const Options& options) {
  Session session(options, "exec");
  const auto outcomes = run::run_command(session.crew(), options.command);
  session.settle();

  std::vector<report::CommandResult> results;
  for (const run::CommandOutcome& outcome : outcomes) {
    report::CommandResult result;
    result.node = outcome.node;
    if (outcome.result) {
      result.exit_status = outcome.result->exit_status;
      result.signal = outcome.result->signal;
      result.out = outcome.result->out;
      result.err = outcome.result->err;
      result.truncated = outcome.result->truncated;
    } else {
      result.error = outcome.result.error();
    }
    results.push_back(std::move(result));
  }
  return 0;
}

}  // namespace bringup::cli
