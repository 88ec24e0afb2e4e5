// From what the nodes printed to the matrix.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "bringup/util/text.hpp"
#include "bringup/verify/chain.hpp"
#include "bringup/verify/checks.hpp"
#include "bringup/verify/diagnoses.hpp"
#include "bringup/verify/peers.hpp"
#include "diagnose.hpp"
#include "notes.hpp"
#include "observe.hpp"

namespace bringup::verify {
namespace {

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

// One directed cell of one link while it is being judged. The worst check stands for the cell.
constexpr std::uint32_t kMacsEcho = 8184 + 28;  // the largest packet of a Mac's ping

struct Judged {
  const model::Fleet& fleet;
  const model::Link& link;
  const model::LinkEnd& from;
  const model::LinkEnd& to;
  const std::vector<NodeEvidence>& evidence;
  const CheckOptions& options;
  const Measurement* measured;  // null: none
  Cell cell = {};
  bool decided = false;
  std::vector<Finding> findings = {};

  [[nodiscard]] const std::string& name(const model::LinkEnd& end) const {
    return fleet.nodes[end.node].name;
  }
  [[nodiscard]] std::string place(const model::LinkEnd& end) const {
    return name(end) + ":" + end.interface;
  }
  // A diagnosis at the sending end, with the words about its peer.
  [[nodiscard]] Diagnosis here(std::string_view id, Words words = {}) const {
    return at(from, to, id, std::move(words));
  }
  [[nodiscard]] Diagnosis at(const model::LinkEnd& end, const model::LinkEnd& peer,
                             std::string_view id, Words words = {}) const {
    words.emplace_back("peer", place(peer));
    words.emplace_back("peer_node", name(peer));
    words.emplace_back("address", peer.address.to_string());
    return diagnose(id, name(end), end.interface, words);
  }
  [[nodiscard]] const model::LinkEnd& end_named(const std::string& node) const {
    return node == name(to) ? to : from;
  }

  // `what` is the verdict's word for a figure that is slow.
  void settle(CellStatus status, std::optional<Diagnosis> diagnosis = std::nullopt,
              std::string_view what = {}) {
    if (diagnosis) {
      cell.diagnoses.push_back(*diagnosis);
      findings.push_back(finding_of(*diagnosis, status == CellStatus::slow
                                                    ? plan::Severity::warning
                                                    : plan::Severity::error));
      findings.back().what = what;
      findings.back().link = cell.link;
    }
    if (decided && badness(status) <= badness(cell.status)) return;
    decided = true;
    cell.status = status;
    cell.diagnosis = std::move(diagnosis);
  }
  void tool_failed(std::string_view tool, const std::string& problem) {
    settle(CellStatus::error, Diagnosis{std::string(tool), name(from), from.interface,
                                        fmt::format("{}: {}", tool, problem),
                                        fmt::format("an answer of {} that can be read", tool),
                                        fmt::format("run it by hand on {}", name(from))});
  }
  void fail(Diagnosis fallback) {
    auto first = first_broken_layer(fleet, *cell.link, evidence);
    settle(CellStatus::fail, first ? std::move(first) : std::move(fallback));
  }
  void verdict(CheckKind check, CellStatus status, std::string what, std::string seen,
               std::string expected) {
    cell.verdicts.push_back({check, VerdictSource::expectation, status, std::move(what),
                             std::move(seen), std::move(expected)});
  }
  // Every layer that could be read is right, yet nothing came back: the cable leads elsewhere, or
  // the peer is silent on purpose.
  [[nodiscard]] Diagnosis silent(const std::string& seen) const {
    return here("ping-silent", {{"seen", seen}});
  }
  // There is no record of a check that runs on the sending end.
  void absent(std::string_view check) {
    const auto& own = evidence[from.node];
    if (own.error) {
      settle(CellStatus::unreachable, no_session(fleet, from.node, *own.error));
    } else if (!own.frames.empty()) {
      tool_failed(check, "the node's answer lacks it");
    } else {
      settle(CellStatus::untested);
    }
  }
  // There is no measurement of a check that needs both ends.
  void unmeasured() {
    for (const auto* end : {&from, &to}) {
      if (!evidence[end->node].error) continue;
      settle(CellStatus::unreachable, no_session(fleet, end->node, *evidence[end->node].error));
      return;
    }
    settle(CellStatus::untested);
  }
};

// A ping that ran: loss first, then speed.
void judge_ping(Judged& j, const platform::PingResult& ping) {
  const auto& expect = j.link.expect;
  const std::string lost =
      fmt::format("{} of {} pings lost", ping.transmitted - ping.received, ping.transmitted);
  if (ping.received == 0) {
    j.verdict(CheckKind::ping, CellStatus::fail, "loss", lost, "replies");
    j.fail(j.silent(fmt::format("no reply to {} pings", ping.transmitted)));
    return;
  }
  j.settle(CellStatus::pass);
  if (expect.loss_percent) {
    const std::string limit = fmt::format("at most {:g}% lost", *expect.loss_percent);
    const bool lossy = ping.loss_percent > *expect.loss_percent;
    j.verdict(CheckKind::ping, lossy ? CellStatus::fail : CellStatus::pass, "loss", lost, limit);
    if (lossy) {
      j.fail(j.here("ping-loss", {{"seen", lost}, {"expected", limit}}));
      return;
    }
  }
  if (!expect.rtt_avg_ms || !ping.avg_ms) return;
  const bool slow = *ping.avg_ms > *expect.rtt_avg_ms;
  const std::string limit = fmt::format("at most {:g} ms", *expect.rtt_avg_ms);
  j.verdict(CheckKind::ping, slow ? CellStatus::slow : CellStatus::pass, "rtt",
            fmt::format("{:.2f} ms", *ping.avg_ms), limit);
  if (!slow) return;
  j.settle(CellStatus::slow,
           j.here("ping-slow", {{"seen", fmt::format("rtt {:.2f} ms on average", *ping.avg_ms)},
                                {"expected", limit}}),
           "rtt");
}

void judge_route_and_ping(Judged& j) {
  const auto& own = j.evidence[j.from.node];
  const auto os = os_of(own);
  const auto route = read_route(own.frames, *j.cell.link, os);
  const auto ping = read_ping(own.frames, *j.cell.link, os);
  const bool want_route = wanted(j.options, CheckKind::route);
  const bool want_ping = wanted(j.options, CheckKind::ping);
  if (!want_route && !want_ping) return;
  if ((want_route && !route.present) || (want_ping && !ping.present)) {
    j.absent(want_ping && !ping.present ? "ping" : "route");
    return;
  }

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
    j.settle(CellStatus::pass);
  }
  if (!want_route) return;

  if (j.cell.route_ok) {
    j.verdict(CheckKind::route, *j.cell.route_ok ? CellStatus::pass : CellStatus::fail, "route",
              j.cell.route_interface.empty() ? "no route" : j.cell.route_interface,
              j.from.interface);
  }
  if (j.cell.status == CellStatus::fail || j.cell.status == CellStatus::error) return;

  // Replies by another way than the link prove nothing about the link.
  if (j.cell.route_ok == false) {
    j.fail(wrong_route(j.fleet, j.from, j.to, *route.value, os));
  } else if (!j.cell.route_ok) {
    j.tool_failed("route", route.problem);
  }
}

// The MTU that most ends of links of this kind have, where one stands out.
std::optional<std::uint32_t> usual_mtu(const Judged& j) {
  std::map<std::uint32_t, std::size_t> counts;
  for (std::size_t index = 0; index < j.fleet.links.size(); ++index) {
    if (j.fleet.links[index].kind != j.link.kind) continue;
    for (const auto& end : j.fleet.links[index].ends) {
      const auto reading = read_mtu(j.evidence[end.node].frames, index);
      if (reading.value) ++counts[reading.value->interface];
    }
  }
  std::optional<std::uint32_t> usual;
  std::size_t most = 0;
  for (const auto& [mtu, count] : counts) {
    if (count == most) usual.reset();
    if (count > most) usual = mtu;
    most = std::max(most, count);
  }
  return usual;
}

std::string mtu_command(facts::Os os, const std::string& interface, std::uint32_t mtu) {
  return os == facts::Os::linux_kernel
             ? fmt::format("sudo ip link set dev {} mtu {}", interface, mtu)
             : fmt::format("sudo ifconfig {} mtu {}", interface, mtu);
}

void judge_mtu(Judged& j) {
  const auto own = read_mtu(j.evidence[j.from.node].frames, *j.cell.link);
  const auto peer = read_mtu(j.evidence[j.to.node].frames, *j.cell.link);
  if (!own.present) {
    j.absent("mtu");
    return;
  }
  j.cell.raw += own.raw;
  MtuResult result;
  result.declared = j.link.mtu;
  if (peer.value) result.mtu_to = peer.value->interface;
  if (!own.value) {
    result.error = own.problem;
    j.cell.mtu = result;
    j.tool_failed("mtu", own.problem);
    return;
  }
  const std::uint32_t mtu = own.value->interface;
  result.mtu_from = mtu;
  result.largest_packet = own.value->largest;
  if (!result.largest_packet) result.error = own.value->asked ? "no reply" : "not tried: no reply";
  j.cell.mtu = result;
  j.settle(CellStatus::pass);

  if (j.link.mtu) {
    for (const auto* end : {&j.link.ends[0], &j.link.ends[1]}) {
      const auto have = end->node == j.from.node ? result.mtu_from : result.mtu_to;
      if (!have || *have == *j.link.mtu) continue;
      j.verdict(CheckKind::mtu, CellStatus::fail, "mtu", std::to_string(*have),
                std::to_string(*j.link.mtu));
      j.fail(j.at(
          *end, end->node == j.from.node ? j.to : j.from, "mtu-declared",
          {{"mtu", std::to_string(*have)},
           {"expected", std::to_string(*j.link.mtu)},
           {"command", mtu_command(os_of(j.evidence[end->node]), end->interface, *j.link.mtu)}}));
      return;
    }
  }
  if (result.mtu_to && *result.mtu_to != mtu) {
    // Who differs from the others is to blame; without others, the one that takes less.
    const auto usual = usual_mtu(j);
    const bool own_is_usual = usual ? *usual == mtu : mtu > *result.mtu_to;
    const auto& blamed = own_is_usual ? j.to : j.from;
    const auto& other = own_is_usual ? j.from : j.to;
    const std::uint32_t wrong = own_is_usual ? *result.mtu_to : mtu;
    const std::uint32_t right = own_is_usual ? mtu : *result.mtu_to;
    j.verdict(CheckKind::mtu, CellStatus::fail, "mtu", fmt::format("{} to {}", mtu, *result.mtu_to),
              "the same at both ends");
    j.fail(
        j.at(blamed, other, "mtu-differs",
             {{"mtu", std::to_string(wrong)},
              {"peer_mtu", std::to_string(right)},
              {"expected", std::to_string(right)},
              {"command", mtu_command(os_of(j.evidence[blamed.node]), blamed.interface, right)}}));
    return;
  }
  if (!result.largest_packet) {
    if (own.value->asked) j.fail(j.silent("no reply to pings of any size"));
    return;
  }
  // An echo carries 65,507 bytes at most; a Mac sends 8,184 (net.inet.raw.maxdgram, with the ICMP
  // header), and a larger MTU is proved up to there.
  std::uint32_t most = std::min<std::uint32_t>(mtu, 65535);
  if (os_of(j.evidence[j.from.node]) == facts::Os::darwin && *result.largest_packet >= kMacsEcho) {
    most = std::min(most, *result.largest_packet);
  }
  const bool whole = *result.largest_packet >= most;
  j.verdict(CheckKind::mtu, whole ? CellStatus::pass : CellStatus::fail, "packet",
            fmt::format("{} bytes", *result.largest_packet), fmt::format("{} bytes", most));
  if (!whole) {
    j.fail(j.here("mtu-path", {{"largest", std::to_string(*result.largest_packet)},
                               {"expected", std::to_string(most)}}));
  }
}

void judge_tcp(Judged& j) {
  if (j.measured == nullptr || j.measured->tcp.empty()) {
    j.unmeasured();
    return;
  }
  j.cell.tcp = j.measured->tcp;
  j.settle(CellStatus::pass);
  for (const TcpResult& tcp : j.cell.tcp) {
    const auto seen = tcp.reachable ? "reachable" : printable(tcp.error, 200);
    j.verdict(CheckKind::tcp, tcp.reachable ? CellStatus::pass : CellStatus::fail,
              fmt::format("tcp {}", tcp.port), seen, "reachable");
    if (tcp.reachable) continue;
    const bool refused = seen.find("efused") != std::string::npos;
    j.fail(j.here(refused ? "tcp-refused" : "tcp-silent",
                  {{"port", std::to_string(tcp.port)}, {"error", seen}}));
  }
}

void iperf_failed(Judged& j, const IperfResult& iperf) {
  const auto& end = j.end_named(iperf.node);
  const auto& peer = &end == &j.from ? j.to : j.from;
  const auto put = [&](CellStatus status, std::string_view id) {
    auto found = j.at(
        end, peer, id,
        {{"error", printable(iperf.error, 200)}, {"port", std::to_string(j.options.iperf_port)}});
    j.verdict(CheckKind::iperf, status, "iperf", found.seen, found.expected);
    if (status == CellStatus::fail) {
      j.fail(std::move(found));
    } else {
      j.settle(status, std::move(found));
    }
  };
  switch (*iperf.failure) {
    case IperfFailure::missing:
      return put(CellStatus::error, "iperf-missing");
    case IperfFailure::port_busy:
      return put(CellStatus::error, "iperf-busy");
    case IperfFailure::refused:
      return put(CellStatus::error, "iperf-refused");
    case IperfFailure::timed_out:
      return put(CellStatus::fail, "iperf-timeout");
    case IperfFailure::unreadable:
      return put(CellStatus::error, "iperf-failed");
    case IperfFailure::other:
      return put(CellStatus::fail, "iperf-failed");
  }
}

// A bandwidth against its floor.
void judge_floor(Judged& j, CheckKind check, std::string_view what, double gbps,
                 const std::optional<double>& floor, std::string_view id) {
  j.settle(CellStatus::pass);
  if (!floor) return;
  const std::string seen = fmt::format("{:.3g} Gb/s", gbps);
  const std::string expected = fmt::format("at least {:g} Gb/s", *floor);
  const bool slow = gbps < *floor;
  j.verdict(check, slow ? CellStatus::slow : CellStatus::pass, std::string(what), seen, expected);
  if (!slow) return;
  j.settle(
      CellStatus::slow,
      j.here(id, {{"seen", fmt::format("{} from {} to {}", seen, j.place(j.from), j.place(j.to))},
                  {"expected", expected}}),
      what);
}

void judge_iperf(Judged& j) {
  if (j.measured == nullptr || !j.measured->iperf) {
    j.unmeasured();
    return;
  }
  j.cell.iperf = j.measured->iperf;
  if (j.cell.iperf->failure) {
    iperf_failed(j, *j.cell.iperf);
  } else if (j.cell.iperf->gbps) {
    judge_floor(j, CheckKind::iperf, "iperf", *j.cell.iperf->gbps, j.link.expect.iperf_gbps,
                "iperf-slow");
  } else {
    j.settle(CellStatus::untested);
  }
}

void rdma_failed(Judged& j, const RdmaFailure& failure) {
  const auto& end = j.end_named(failure.node);
  constexpr std::array known = {12, 16, 22, 60, 96};
  // macOS and Linux number the same errors differently.
  int number = failure.error_number;
  if (number == 65 || number == 110 || number == 113) number = 60;
  const bool row = std::find(known.begin(), known.end(), number) != known.end();
  auto found = j.at(end, &end == &j.from ? j.to : j.from,
                    row ? fmt::format("rdma-errno-{}", number) : "rdma-failed",
                    {{"seen", printable(failure.seen)}});
  if (!failure.layer.empty()) found.layer = printable(failure.layer, 32);
  if (!failure.meaning.empty()) found.meaning = printable(failure.meaning);
  if (!failure.cure.empty()) found.cure = printable(failure.cure);
  j.verdict(CheckKind::rdma, CellStatus::fail, "rdma", found.seen, found.expected);
  if (auto below = broken_below_rdma(j.fleet, *j.cell.link, j.evidence)) found = *std::move(below);
  j.fail(std::move(found));
}

void judge_rdma(Judged& j) {
  if (j.measured == nullptr || !j.measured->rdma) {
    j.unmeasured();
    return;
  }
  j.cell.rdma = j.measured->rdma;
  const RdmaResult& rdma = *j.cell.rdma;
  if (rdma.failure) {
    rdma_failed(j, *rdma.failure);
    return;
  }
  j.settle(CellStatus::pass);
  std::uint64_t sent = 0;
  std::uint64_t lost = 0;
  for (const auto& one : rdma.latency) sent += one.sent, lost += one.lost;
  for (const auto& one : rdma.bandwidth) sent += one.sent, lost += one.lost;
  if (sent > 0) {
    // Whatever the link's allowance for pings: a job hangs on the first message lost.
    const std::string seen = fmt::format("{} of {} RDMA messages lost", lost, sent);
    j.verdict(CheckKind::rdma, lost > 0 ? CellStatus::fail : CellStatus::pass, "rdma loss", seen,
              "none lost");
    if (lost > 0) {
      j.fail(j.here("rdma-loss", {{"seen", seen + fmt::format(" from {} to {}", j.place(j.from),
                                                              j.place(j.to))}}));
    }
  }
  if (const auto gbps = figure(j.cell, Metric::rdma_bandwidth)) {
    judge_floor(j, CheckKind::rdma, "rdma bandwidth", *gbps, j.link.expect.rdma_gbps, "rdma-slow");
  }
}

void judge_linked(Judged& j) {
  judge_route_and_ping(j);
  if (wanted(j.options, CheckKind::mtu)) judge_mtu(j);
  if (wanted(j.options, CheckKind::tcp)) judge_tcp(j);
  if (wanted(j.options, CheckKind::iperf)) judge_iperf(j);
  if (wanted(j.options, CheckKind::rdma)) {
    if (applies(j.link, CheckKind::rdma)) {
      judge_rdma(j);
    } else {
      j.settle(CellStatus::skipped);
    }
  }
}

}  // namespace

Matrix judge(const model::Fleet& fleet, const std::vector<std::size_t>& selected,
             const std::vector<NodeEvidence>& evidence, const CheckOptions& options) {
  return judge(fleet, selected, evidence, {}, options);
}

Matrix judge(const model::Fleet& fleet, const std::vector<std::size_t>& selected,
             const std::vector<NodeEvidence>& evidence, const std::vector<Measurement>& measured,
             const CheckOptions& options) {
  Matrix matrix;
  matrix.fleet = fleet.name;
  for (const std::size_t node : selected) matrix.nodes.push_back(fleet.nodes[node].name);
  for (const auto& word : check_kind_words()) {
    const auto kind = *parse_check_kind(word);
    if (wanted(options, kind)) matrix.checks.push_back(kind);
  }

  for (const std::size_t node : selected) {
    if (!evidence[node].error) continue;
    add_finding(matrix,
                finding_of(no_session(fleet, node, *evidence[node].error), plan::Severity::error));
  }
  std::map<std::pair<std::size_t, std::size_t>, std::vector<std::size_t>> links;  // by both orders
  for (std::size_t index = 0; index < fleet.links.size(); ++index) {
    const auto& ends = fleet.links[index].ends;
    links[{ends[0].node, ends[1].node}].push_back(index);
    links[{ends[1].node, ends[0].node}].push_back(index);
  }
  // Several measurements of one direction (TCP by itself, iperf by itself) make one.
  std::map<std::pair<std::size_t, std::size_t>, Measurement> known;  // link, from
  for (const Measurement& one : measured) {
    Measurement& all = known[{one.link, one.from}];
    if (!one.tcp.empty()) all.tcp = one.tcp;
    if (one.iperf) all.iperf = one.iperf;
    if (one.rdma) all.rdma = one.rdma;
  }
  for (const std::size_t from : selected) {
    for (const std::size_t to : selected) {
      if (from == to) continue;
      const auto between = links.find({from, to});
      if (between == links.end()) {
        Cell cell;
        cell.from = from;
        cell.to = to;
        cell.status = CellStatus::unlinked;
        matrix.cells.push_back(std::move(cell));
        continue;
      }
      for (const std::size_t index : between->second) {
        const model::Link& link = fleet.links[index];
        const std::size_t side = link.ends[0].node == from ? 0 : 1;
        const auto figures = known.find({index, from});
        Judged j{fleet,
                 link,
                 link.ends[side],
                 link.ends[1 - side],
                 evidence,
                 options,
                 figures == known.end() ? nullptr : &figures->second,
                 {}};
        j.cell.from = from;
        j.cell.to = to;
        j.cell.link = index;
        judge_linked(j);
        for (auto& finding : j.findings) add_finding(matrix, std::move(finding));
        matrix.cells.push_back(std::move(j.cell));
      }
    }
  }
  for (const auto& note : node_notes(fleet, selected, evidence)) {
    add_finding(matrix, finding_of(note, plan::Severity::warning));
  }
  return matrix;
}

}  // namespace bringup::verify
