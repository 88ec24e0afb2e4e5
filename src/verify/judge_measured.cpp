// What was measured between both ends: TCP, iperf and RDMA.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "bringup/verify/chain.hpp"
#include "bringup/verify/peers.hpp"
#include "judged.hpp"

namespace bringup::verify {

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

namespace {

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

}  // namespace

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

namespace {

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

}  // namespace

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

}  // namespace bringup::verify
