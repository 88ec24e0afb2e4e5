#include "bringup/run/collect.hpp"
#include "bringup/cli/session.hpp"
#include "bringup/facts/anonymise.hpp"
#include "bringup/report/outcome.hpp"
#include "bringup/util/digest.hpp"
#include "bringup/util/text.hpp"

namespace bringup::cli {

int collect_verb(const Options& options) {
  Session session(options, "collect");
  facts::Collection collection = run::collect(session.crew());
  session.settle();
  if (options.anonymise == Toggle::on) {
    collection = facts::anonymised(collection, session.fleet(), random_hex(32));
  }
  if (const auto written = run::write_collection(collection, options.output); !written) {
    const int status = written.error().code == ErrorCode::usage ? 2 : 1;
    throw Exit{status, written.error().message + "\n  cure: " + written.error().hint + "\n"};
  }
  report::RunSummary summary;
  std::size_t done = 0;
  for (const run::NodeRun& node : session.crew().nodes()) {
    if (node.error) {
      report::add(summary, *node.error);
    } else {
      ++done;
    }
  }
  session.say(std::to_string(done) + " of " + std::to_string(session.crew().nodes().size()) +
              " nodes stored in " + printable(options.output) + "; see: bringup status --from " +
              printable(options.output));
  summary.interrupted = session.interrupted();
  return session.ended(report::exit_status(summary));
}

}  // namespace bringup::cli
