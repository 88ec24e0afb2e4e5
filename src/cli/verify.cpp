#include <algorithm>

#include "bringup/cli/session.hpp"
#include "bringup/report/json.hpp"
#include "bringup/report/outcome.hpp"
#include "bringup/report/text.hpp"
#include "bringup/run/verify.hpp"
#include "bringup/util/text.hpp"
#include "bringup/verify/schedule.hpp"
#include "bringup/verify/tcp.hpp"
#include "verify_inputs.hpp"

namespace bringup::cli {
namespace {

using verify::CheckKind;

std::string usage(const Error& error) {
  return error.message + "\n" + (error.hint.empty() ? "" : "  cure: " + error.hint + "\n");
}

bool wants_all(const std::vector<std::string>& words) {
  return std::find(words.begin(), words.end(), "all") != words.end();
}

std::vector<CheckKind> kinds(const std::vector<std::string>& words) {
  // What needs no tool on the nodes and disturbs nobody who uses the links.
  if (words.empty()) return {CheckKind::route, CheckKind::ping, CheckKind::mtu, CheckKind::reach};
  std::vector<CheckKind> out;
  const bool all = wants_all(words);
  for (const std::string& word : all ? verify::check_kind_words() : words) {
    const auto kind = verify::parse_check_kind(word);
    // Services are added where there are any. Discovery sends on every interface, also those that
    // are none of the fleet's: it runs by its name only.
    if (all && kind && !verify::is_of_links(*kind)) continue;
    if (!kind) {
      throw Exit{2, "--only: there is no check '" + printable(word, 40) + "'\n  cure: use " +
                        join(verify::check_kind_words(), ", ") + " or all\n"};
    }
    out.push_back(*kind);
  }
  return out;
}

verify::CheckOptions check_options(const Options& options) {
  verify::CheckOptions checks;
  checks.only = kinds(options.only);
  checks.ping_count = options.ping_count;
  checks.ping_interval_s = options.ping_interval_s;
  checks.tcp_ports = options.ports;
  checks.iperf_seconds = options.seconds;
  checks.iperf_streams = options.streams;
  checks.iperf_port = options.iperf_port;
  if (options.stress == Toggle::on) checks.conflict = verify::Conflict::interface;
  if (const auto sound = verify::check_tcp_ports(options.ports); !sound) {
    throw Exit{2, usage(sound.error())};
  }
  const auto pairs = verify::parse_pairs(options.pairs);
  if (!pairs) throw Exit{2, usage(pairs.error())};
  checks.pairs = *pairs;
  return checks;
}

int estimate_only(const Options& options, const verify::CheckOptions& checks) {
  const model::Fleet fleet = load_fleet(options);
  const auto rounds =
      verify::schedule(fleet, selection(options, fleet), checks.pairs, checks.conflict);
  const verify::Estimate estimate = verify::estimate(fleet, rounds, checks);
  write_result(options, options.format == Format::text
                            ? report::text_estimate(estimate, result_style(options))
                            : report::json_estimate(fleet, estimate));
  return 0;
}

}  // namespace

int verify_verb(const Options& options) {
  run::VerifyOptions what;
  what.checks = check_options(options);
  if (options.estimate == Toggle::on) return estimate_only(options, what.checks);
  what.rdma.qp = options.queue_pair;
  for (const CheckKind kind : {CheckKind::rdma, CheckKind::discovery}) {
    if (verify::wanted(what.checks, kind)) what.probe = probe_finder(options);
  }

  Session session(options, "verify");
  // Who declares servers wants to know whether they are reached.
  const bool usual = options.only.empty() || wants_all(options.only);
  if (usual && !session.fleet().services.empty()) {
    what.checks.only.push_back(CheckKind::services);
  }
  if (!options.baseline.empty()) {
    const NamedBaseline former = load_baseline(options.baseline, session.fleet().name);
    what.baseline = former.baseline;
    what.baseline_name = former.name;
  }
  const verify::Matrix matrix = run::verify_links(session.crew(), what).matrix;
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
  return session.ended(status);
}

}  // namespace bringup::cli
