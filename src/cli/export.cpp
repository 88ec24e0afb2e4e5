#include <iostream>

#include "bringup/cli/session.hpp"
#include "bringup/report/exports.hpp"
#include "bringup/report/outcome.hpp"
#include "bringup/run/coordinator.hpp"
#include "bringup/run/phases.hpp"
#include "bringup/util/text.hpp"

namespace bringup::cli {
namespace {

using report::ExportFormat;

std::string said(const Error& error) {
  return error.message + "\n" + (error.hint.empty() ? "" : "  cure: " + error.hint + "\n");
}

bool has_coordinator(ExportFormat format) {
  return format == ExportFormat::mlx_hostfile || format == ExportFormat::jaccl_env;
}

// Whose address: that of rank 0, where ranks are fixed, or what the address itself tells.
report::MeetingPoint given(const Options& options, const model::Fleet& fleet) {
  const auto address = model::Ipv4::parse(options.coordinator);
  if (!address) throw Exit{2, "--coordinator: " + said(address.error())};
  return {fleet.by_rank().front(), *address};
}

report::MeetingPoint measured(const Options& options, ExportFormat format) {
  Session session(options, "export");
  const bool fixed = format == ExportFormat::jaccl_env;
  const auto meeting = run::measure_coordinator(
      session.crew(), fixed ? run::Candidates::rank_0 : run::Candidates::every_node);
  session.settle();
  if (session.interrupted()) throw Exit{130, ""};
  report::RunSummary summary;
  std::string failed;
  for (const run::NodeRun& node : session.crew().nodes()) {
    if (!node.error) continue;
    report::add(summary, *node.error);
    failed += session.fleet().nodes[node.index].name + ": " + printable(node.error->message) + "\n";
  }
  if (summary.unreachable + summary.failed > 0) {
    throw Exit{report::exit_status(summary),
               failed + "the coordinator must be one that every node reaches\n"};
  }
  if (options.verbosity > 0 && meeting) {
    for (const std::string& line : meeting->explained) session.say(printable(line));
  }
  if (!meeting) throw Exit{6, "no node has an address that others could reach\n"};
  if (!meeting->missing.empty()) {
    std::vector<std::string> names;
    for (const std::size_t node : meeting->missing) {
      names.push_back(session.fleet().nodes[node].name);
    }
    throw Exit{6, join(names, ", ") + (names.size() == 1 ? " does" : " do") + " not reach " +
                      session.fleet().nodes[meeting->coordinator.node].name + " at " +
                      meeting->coordinator.address.to_string() +
                      ", nor any node at an address that all reach\n"
                      "  cure: connect all nodes to one network (Ethernet or Wi-Fi); "
                      "see: bringup export mlx-hostfile --measure -v\n"};
  }
  return {meeting->coordinator.node, meeting->coordinator.address};
}

// Of each node that answers; where one has no such index, NCCL looks for itself.
std::map<std::size_t, std::uint32_t> gid_indices(const Options& options) {
  Session session(options, "export");
  run::gather(session.crew(), run::Profiler::skip);
  session.settle();
  if (session.interrupted()) throw Exit{130, ""};
  std::map<std::size_t, std::uint32_t> out;
  report::RunSummary summary;
  std::string failed;
  for (const run::NodeRun& node : session.crew().nodes()) {
    if (node.error) {
      report::add(summary, *node.error);
      failed +=
          session.fleet().nodes[node.index].name + ": " + printable(node.error->message) + "\n";
    } else if (node.facts && node.facts->ibv_ports) {
      const auto index =
          report::nccl_gid_index(session.fleet(), node.index, *node.facts->ibv_ports);
      if (index) out.emplace(node.index, *index);
    }
  }
  if (!failed.empty()) throw Exit{report::exit_status(summary), failed};
  return out;
}

}  // namespace

int export_verb(const Options& options) {
  const auto format = report::parse_export_format(options.export_format);
  if (!format)
    throw Exit{2, "there is no export format '" + printable(options.export_format) + "'\n"};
  const model::Fleet fleet = load_fleet(options);
  const std::vector<std::size_t> nodes = selection(options, fleet);
  report::ExportOptions what;
  if (!options.limit.empty()) {
    if (*format != ExportFormat::jaccl_env && *format != ExportFormat::nccl_env) {
      throw Exit{2,
                 "--limit does not go with this format: it describes the whole fleet\n"
                 "  cure: leave nodes out of the inventory instead\n"};
    }
    what.only = nodes;
  }
  const bool measures = has_coordinator(*format) || *format == ExportFormat::nccl_env;
  if ((!measures && options.measure == Toggle::on) ||
      (!has_coordinator(*format) && !options.coordinator.empty())) {
    throw Exit{2,
               "--coordinator goes with mlx-hostfile and jaccl-env only, --measure with these and "
               "nccl-env\n"};
  }
  if (!options.coordinator.empty()) what.coordinator = given(options, fleet);
  if (options.measure == Toggle::on && *format == ExportFormat::nccl_env) {
    Options asked = options;
    asked.output.clear();
    what.gid_indices = gid_indices(asked);
  } else if (options.measure == Toggle::on) {
    // What cannot be said of this fleet at all is not worth asking the nodes for.
    what.coordinator = report::MeetingPoint{fleet.by_rank().front(), {}};
    const auto sound = report::export_fleet(fleet, *format, what);
    if (!sound) throw Exit{2, said(sound.error())};
    Options all = options;
    all.limit.clear();
    all.output.clear();
    what.coordinator = measured(all, *format);
  }
  const auto exported = report::export_fleet(fleet, *format, what);
  if (!exported) throw Exit{2, said(exported.error())};
  if (options.quiet == Toggle::off) {
    for (const std::string& note : exported->notes) {
      std::cerr << "note: " << printable(note) << "\n";
    }
  }
  write_result(options, exported->text);
  return 0;
}

}  // namespace bringup::cli
