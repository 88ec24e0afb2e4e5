#include <algorithm>
#include <array>

#include "bringup/verify/matrix.hpp"

namespace bringup::verify {
namespace {

constexpr std::array kChecks = {
    CheckKind::cable, CheckKind::route, CheckKind::ping, CheckKind::mtu,      CheckKind::tcp,
    CheckKind::reach, CheckKind::iperf, CheckKind::rdma, CheckKind::services, CheckKind::discovery};

}  // namespace

std::string_view to_string(CheckKind kind) {
  switch (kind) {
    case CheckKind::cable:
      return "cable";
    case CheckKind::route:
      return "route";
    case CheckKind::ping:
      return "ping";
    case CheckKind::mtu:
      return "mtu";
    case CheckKind::tcp:
      return "tcp";
    case CheckKind::reach:
      return "reach";
    case CheckKind::iperf:
      return "iperf";
    case CheckKind::rdma:
      return "rdma";
    case CheckKind::services:
      return "services";
    case CheckKind::discovery:
      return "discovery";
  }
  return "unknown";
}

std::string_view to_string(CastKind kind) {
  switch (kind) {
    case CastKind::broadcast:
      return "broadcast";
    case CastKind::limited:
      return "limited";
    case CastKind::multicast:
      return "multicast";
  }
  return "broadcast";
}

std::optional<CheckKind> parse_check_kind(std::string_view word) {
  const auto found = std::find_if(kChecks.begin(), kChecks.end(),
                                  [&](CheckKind kind) { return to_string(kind) == word; });
  return found == kChecks.end() ? std::nullopt : std::optional(*found);
}

std::vector<std::string> check_kind_words() {
  std::vector<std::string> words;
  for (const CheckKind kind : kChecks) words.emplace_back(to_string(kind));
  return words;
}

bool is_exclusive(CheckKind kind) {
  return kind == CheckKind::iperf || kind == CheckKind::rdma;
}

bool is_of_links(CheckKind kind) {
  return kind != CheckKind::reach && kind != CheckKind::services && kind != CheckKind::discovery;
}

std::string_view to_string(CellStatus status) {
  switch (status) {
    case CellStatus::pass:
      return "pass";
    case CellStatus::slow:
      return "slow";
    case CellStatus::fail:
      return "fail";
    case CellStatus::unlinked:
      return "unlinked";
    case CellStatus::untested:
      return "untested";
    case CellStatus::unreachable:
      return "unreachable";
    case CellStatus::error:
      return "error";
    case CellStatus::skipped:
      return "skipped";
  }
  return "unknown";
}

int badness(CellStatus status) {
  switch (status) {
    case CellStatus::skipped:
      return 0;
    case CellStatus::pass:
      return 1;
    case CellStatus::unlinked:
      return 2;
    case CellStatus::untested:
      return 3;
    case CellStatus::slow:
      return 4;
    case CellStatus::unreachable:
      return 5;
    case CellStatus::error:
      return 6;
    case CellStatus::fail:
      return 7;
  }
  return 7;
}

std::string_view to_string(TcpMeans means) {
  return means == TcpMeans::forward ? "forward" : "nc";
}

std::string_view to_string(IperfFailure failure) {
  switch (failure) {
    case IperfFailure::missing:
      return "missing";
    case IperfFailure::port_busy:
      return "port-busy";
    case IperfFailure::refused:
      return "refused";
    case IperfFailure::timed_out:
      return "timed-out";
    case IperfFailure::unreadable:
      return "unreadable";
    case IperfFailure::other:
      return "other";
  }
  return "other";
}

std::string_view to_string(VerdictSource source) {
  switch (source) {
    case VerdictSource::expectation:
      return "expectation";
    case VerdictSource::peers:
      return "peers";
    case VerdictSource::baseline:
      return "baseline";
  }
  return "expectation";
}

std::size_t Matrix::count(CellStatus status) const {
  const auto among = [&](const auto& list) {
    return static_cast<std::size_t>(std::count_if(
        list.begin(), list.end(), [&](const auto& one) { return one.status == status; }));
  };
  return among(cells) + among(services) + among(discovery);
}

std::size_t Matrix::total() const {
  return cells.size() + services.size() + discovery.size();
}

std::size_t Matrix::count_reach(CellStatus status) const {
  return static_cast<std::size_t>(std::count_if(
      reach.begin(), reach.end(), [&](const ReachCell& c) { return c.status == status; }));
}

bool Matrix::green() const {
  return count(CellStatus::pass) + count(CellStatus::skipped) + count(CellStatus::unlinked) ==
             total() &&
         count_reach(CellStatus::pass) == reach.size();
}

bool Matrix::has(CheckKind kind) const {
  return std::find(checks.begin(), checks.end(), kind) != checks.end();
}

void add_finding(Matrix& matrix, Finding finding) {
  const auto same = [&](const Finding& other) {
    return other.layer == finding.layer && other.target == finding.target &&
           other.seen == finding.seen;
  };
  if (std::none_of(matrix.findings.begin(), matrix.findings.end(), same)) {
    matrix.findings.push_back(std::move(finding));
  }
}

}  // namespace bringup::verify
