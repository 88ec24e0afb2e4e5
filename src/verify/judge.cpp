// From what the nodes printed to the matrix.
#include <fmt/format.h>

#include <algorithm>

#include "bringup/util/text.hpp"
#include "bringup/verify/checks.hpp"
#include "diagnose.hpp"
#include "observe.hpp"

namespace bringup::verify {
namespace {

// One directed cell of one link while it is being judged.
struct Judged {
  const model::Fleet& fleet;
  const model::Link& link;
  const model::LinkEnd& from;
  const model::LinkEnd& to;
  const std::vector<NodeEvidence>& evidence;
  Cell cell;

  [[nodiscard]] std::string place(const model::LinkEnd& end) const {
    return fleet.nodes[end.node].name + ":" + end.interface;
  }
  [[nodiscard]] Diagnosis at_ping(std::string seen, std::string expected, std::string cure) const {
    return {"ping",          fleet.nodes[from.node].name, from.interface,
            std::move(seen), std::move(expected),         std::move(cure)};
  }
  void tool_failed(std::string_view tool, const std::string& problem) {
    cell.status = CellStatus::error;
    cell.diagnosis = Diagnosis{std::string(tool),
                               fleet.nodes[from.node].name,
                               from.interface,
                               fmt::format("{}: {}", tool, problem),
                               fmt::format("an answer of {} that can be read", tool),
                               fmt::format("run it by hand on {}", fleet.nodes[from.node].name)};
  }
  void fail(Diagnosis fallback) {
    cell.status = CellStatus::fail;
    cell.diagnosis = first_broken_layer(fleet, *cell.link, evidence);
    if (!cell.diagnosis) cell.diagnosis = std::move(fallback);
  }
  // Every layer that could be read is right, yet nothing came back: the cable leads elsewhere, or
  // the peer is silent on purpose.
  [[nodiscard]] Diagnosis silent(const std::string& seen) const {
    return at_ping(seen, fmt::format("replies from {}", to.address.to_string()),
                   fmt::format("does the cable in {} lead to {}? does a firewall on {} drop pings?",
                               place(from), place(to), fleet.nodes[to.node].name));
  }
};

// A ping that ran: loss first, then speed.
void judge_ping(Judged& j, const platform::PingResult& ping) {
  const auto& expect = j.link.expect;
  if (ping.received == 0) {
    j.fail(j.silent(fmt::format("no reply to {} pings", ping.transmitted)));
    return;
  }
  if (expect.loss_percent && ping.loss_percent > *expect.loss_percent) {
    j.fail(j.at_ping(
        fmt::format("{} of {} pings lost", ping.transmitted - ping.received, ping.transmitted),
        fmt::format("at most {:g}% lost", *expect.loss_percent),
        fmt::format("reseat the cable between {} and {}", j.place(j.from), j.place(j.to))));
    return;
  }
  if (expect.rtt_avg_ms && ping.avg_ms && *ping.avg_ms > *expect.rtt_avg_ms) {
    j.cell.status = CellStatus::slow;
    j.cell.diagnosis = j.at_ping(fmt::format("rtt {:.2f} ms on average", *ping.avg_ms),
                                 fmt::format("at most {:g} ms", *expect.rtt_avg_ms),
                                 "measure again while the link is idle: bringup verify");
    return;
  }
  j.cell.status = CellStatus::pass;
}

void judge_linked(Judged& j, const CheckOptions& options) {
  const auto& own = j.evidence[j.from.node];
  const auto os = os_of(own);
  const auto route = read_route(own.frames, *j.cell.link, os);
  const auto ping = read_ping(own.frames, *j.cell.link, os);
  const bool want_route = wanted(options, CheckKind::route);
  const bool want_ping = wanted(options, CheckKind::ping);

  if ((want_route && !route.present) || (want_ping && !ping.present)) {
    if (own.error) {
      j.cell.status = CellStatus::unreachable;
      j.cell.diagnosis = no_session(j.fleet, j.from.node, *own.error);
    } else if (!own.frames.empty()) {
      j.tool_failed(want_ping && !ping.present ? "ping" : "route", "the node's answer lacks it");
    }
    return;  // neither an error nor an answer: untested
  }
  if (!want_route && !want_ping) return;

  j.cell.raw = route.raw + ping.raw;
  if (route.value) {
    j.cell.route_interface = printable(*route.value, 32);
    j.cell.route_ok = *route.value == j.from.interface;
  }
  if (want_ping) {
    j.cell.ping = ping.value;
    if (ping.value) {
      judge_ping(j, *ping.value);
    } else if (ping.refused) {
      j.fail(j.silent(ping.problem));
    } else {
      j.tool_failed("ping", ping.problem);
    }
  } else {
    j.cell.status = CellStatus::pass;
  }
  if (!want_route || j.cell.status == CellStatus::fail || j.cell.status == CellStatus::error)
    return;

  // Replies by another way than the link prove nothing about the link.
  if (j.cell.route_ok == false) {
    j.fail(wrong_route(j.fleet, j.from, j.to, *route.value, os));
  } else if (!j.cell.route_ok) {
    j.tool_failed("route", route.problem);
  }
}

Finding finding_of(const Diagnosis& diagnosis, plan::Severity severity) {
  return {severity,
          diagnosis.layer,
          diagnosis.target.empty() ? diagnosis.node : diagnosis.node + ":" + diagnosis.target,
          diagnosis.seen,
          diagnosis.expected,
          diagnosis.cure,
          diagnosis.meaning,
          diagnosis.id};
}

}  // namespace

Matrix judge(const model::Fleet& fleet, const std::vector<std::size_t>& selected,
             const std::vector<NodeEvidence>& evidence, const CheckOptions& options) {
  return judge(fleet, selected, evidence, {}, options);
}

Matrix judge(const model::Fleet& fleet, const std::vector<std::size_t>& selected,
             const std::vector<NodeEvidence>& evidence, const std::vector<Measurement>&,
             const CheckOptions& options) {
  Matrix matrix;
  matrix.fleet = fleet.name;
  for (const std::size_t node : selected) matrix.nodes.push_back(fleet.nodes[node].name);

  const auto add = [&](Finding finding) { add_finding(matrix, std::move(finding)); };
  for (const std::size_t node : selected) {
    if (evidence[node].error) {
      add(finding_of(no_session(fleet, node, *evidence[node].error), plan::Severity::error));
    }
  }
  for (const std::size_t from : selected) {
    for (const std::size_t to : selected) {
      if (from == to) continue;
      const auto links = fleet.links_between(from, to);
      if (links.empty()) {
        Cell cell;
        cell.from = from;
        cell.to = to;
        cell.status = CellStatus::unlinked;
        matrix.cells.push_back(std::move(cell));
      }
      for (const std::size_t index : links) {
        const model::Link& link = fleet.links[index];
        const std::size_t side = link.ends[0].node == from ? 0 : 1;
        Judged j{fleet, link, link.ends[side], link.ends[1 - side], evidence, {}};
        j.cell.from = from;
        j.cell.to = to;
        j.cell.link = index;
        judge_linked(j, options);
        if (j.cell.diagnosis) {
          add(finding_of(*j.cell.diagnosis, j.cell.status == CellStatus::slow
                                                ? plan::Severity::warning
                                                : plan::Severity::error));
        }
        matrix.cells.push_back(std::move(j.cell));
      }
    }
  }
  return matrix;
}

}  // namespace bringup::verify
