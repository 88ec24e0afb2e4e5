#include <fstream>

#include "bringup/cli/session.hpp"
#include "bringup/plan/plan_file.hpp"
#include "bringup/report/outcome.hpp"
#include "bringup/report/text.hpp"
#include "bringup/run/phases.hpp"

namespace bringup::cli {
namespace {

void save(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::trunc | std::ios::binary);
  file << text << std::flush;
  if (!file) throw Exit{1, "cannot write the plan to " + path + "\n"};
}

void show(const Options& options, const model::Fleet& fleet, const plan::Plan& plan) {
  const std::string json = plan::to_json(plan);
  if (!options.plan_out.empty()) save(options.plan_out, json);
  write_result(options, options.format == Format::text
                            ? report::text_plan(fleet, plan, result_style(options))
                            : json);
}

int offline(const Options& options) {
  const model::Fleet fleet = load_fleet(options);
  plan::Plan plan;
  plan.fleet = fleet.name;
  plan.inventory_digest = plan::inventory_digest(fleet);
  plan.offline = true;
  for (const std::size_t index : selection(options, fleet)) {
    plan.nodes.push_back(plan::from_scratch(fleet, index));
  }
  show(options, fleet, plan);
  return 0;
}

}  // namespace

int plan_verb(const Options& options) {
  if (options.adopt == Toggle::on) return adopt_cables(options);
  if (options.offline == Toggle::on) return offline(options);
  Session session(options, "plan");
  run::gather(session.crew(), run::Profiler::read);
  const plan::Plan plan = run::make_plan(session.crew());
  session.settle();
  keep_plan(session, plan);
  show(options, session.fleet(), plan);

  report::RunSummary summary;
  report::add(summary, plan);
  summary.interrupted = session.interrupted();
  summary.differences = options.detailed_exit_code == Toggle::on && plan.changes() > 0;
  return session.ended(report::exit_status(summary));
}

}  // namespace bringup::cli
