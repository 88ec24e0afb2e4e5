#include "cells.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bringup/util/text.hpp"
#include "bringup/verify/peers.hpp"

namespace bringup::report {
namespace {

std::string rtt(const verify::Cell& cell) {
  if (!cell.ping || !cell.ping->avg_ms) return "replied";
  return fmt::format("{:.2f} ms", *cell.ping->avg_ms);
}

std::string failure(const verify::Cell& cell) {
  if (!cell.diagnosis) return "failed";
  std::string seen = printable(cell.diagnosis->seen);
  const bool silent = cell.ping && cell.ping->received == 0;
  if (silent && cell.diagnosis->layer != "ping") return "no reply: " + seen;
  return seen;
}

}  // namespace

Mark mark_of(verify::CellStatus status) {
  switch (status) {
    case verify::CellStatus::pass:
      return Mark::good;
    case verify::CellStatus::slow:
      return Mark::warn;
    case verify::CellStatus::fail:
    case verify::CellStatus::unreachable:
    case verify::CellStatus::error:
      return Mark::bad;
    case verify::CellStatus::unlinked:
    case verify::CellStatus::untested:
    case verify::CellStatus::skipped:
      return Mark::none;
  }
  return Mark::bad;
}

std::string short_words(const verify::Cell& cell) {
  switch (cell.status) {
    case verify::CellStatus::pass:
      return cell.ping ? rtt(cell) : "✓";
    case verify::CellStatus::slow:
      return "slow " + rtt(cell);
    case verify::CellStatus::fail:
      return "✗";
    case verify::CellStatus::unlinked:
      return "—";
    case verify::CellStatus::untested:
      return "untested";
    case verify::CellStatus::skipped:
      return "–";
    case verify::CellStatus::unreachable:
      return "no ssh";
    case verify::CellStatus::error:
      return "error";
  }
  return "?";
}

std::string long_words(const verify::Cell& cell) {
  switch (cell.status) {
    case verify::CellStatus::pass:
      return cell.ping ? rtt(cell) : "route";
    case verify::CellStatus::slow: {
      const std::string limit =
          cell.diagnosis ? fmt::format(" (expected {})", printable(cell.diagnosis->expected)) : "";
      return "slow " + rtt(cell) + limit;
    }
    case verify::CellStatus::fail:
      return failure(cell);
    case verify::CellStatus::unlinked:
      return "unlinked";
    case verify::CellStatus::untested:
      return "untested";
    case verify::CellStatus::skipped:
      return "nothing to check";
    case verify::CellStatus::unreachable:
      return "no session" + (cell.diagnosis ? ": " + printable(cell.diagnosis->seen) : "");
    case verify::CellStatus::error:
      return "error: " + failure(cell);
  }
  return "?";
}

verify::CellStatus status_of(const verify::Cell& cell, verify::CheckKind kind) {
  using verify::CheckKind;
  const bool route_too = kind == CheckKind::ping || kind == CheckKind::route;
  const auto of_cable = [](const verify::Verdict& one) { return one.check == CheckKind::cable; };
  const bool measured = kind == CheckKind::cable
                            ? std::any_of(cell.verdicts.begin(), cell.verdicts.end(), of_cable)
                        : route_too                ? cell.ping || cell.route_ok
                        : kind == CheckKind::mtu   ? cell.mtu.has_value()
                        : kind == CheckKind::tcp   ? !cell.tcp.empty()
                        : kind == CheckKind::iperf ? cell.iperf.has_value()
                                                   : cell.rdma.has_value();
  std::optional<verify::CellStatus> worst;
  for (const auto& verdict : cell.verdicts) {
    const bool own = verdict.check == kind || (route_too && verdict.check == CheckKind::route) ||
                     (route_too && verdict.check == CheckKind::ping);
    if (!own) continue;
    if (!worst || verify::badness(verdict.status) > verify::badness(*worst)) worst = verdict.status;
  }
  if (worst && *worst != verify::CellStatus::pass) return *worst;
  if (measured) {
    // A tool that could not be read leaves no verdict behind.
    const bool own_error = cell.status == verify::CellStatus::error && cell.diagnosis &&
                           (cell.diagnosis->layer == verify::to_string(kind) ||
                            (route_too && cell.diagnosis->layer == "route"));
    return own_error ? verify::CellStatus::error : verify::CellStatus::pass;
  }
  const bool elsewhere =
      cell.status == verify::CellStatus::pass || cell.status == verify::CellStatus::slow;
  return elsewhere ? verify::CellStatus::untested : cell.status;
}

verify::CheckKind kind_of(Column column) {
  switch (column) {
    case Column::cable:
      return verify::CheckKind::cable;
    case Column::ping:
      return verify::CheckKind::ping;
    case Column::mtu:
      return verify::CheckKind::mtu;
    case Column::tcp:
      return verify::CheckKind::tcp;
    case Column::iperf:
      return verify::CheckKind::iperf;
    case Column::rdma_bandwidth:
    case Column::rdma_latency:
      return verify::CheckKind::rdma;
  }
  return verify::CheckKind::ping;
}

std::string_view means_words(verify::RdmaMeans means) {
  switch (means) {
    case verify::RdmaMeans::probe:
      return "bringup-probe";
    case verify::RdmaMeans::ibv_uc_pingpong:
      return "ibv_uc_pingpong";
    case verify::RdmaMeans::ibv_rc_pingpong:
      return "ibv_rc_pingpong";
  }
  return "bringup-probe";
}

namespace {

std::string figure_words(const verify::Cell& cell, Column column) {
  const auto number = [&](verify::Metric metric, std::string_view form) -> std::string {
    const auto value = verify::figure(cell, metric);
    return value ? fmt::format(fmt::runtime(form), *value) : "";
  };
  switch (column) {
    case Column::cable:
      return "✓";
    case Column::ping:
      return cell.ping ? rtt(cell) : "✓";
    case Column::mtu:
      return cell.mtu && cell.mtu->largest_packet ? std::to_string(*cell.mtu->largest_packet) : "";
    case Column::tcp:
      return "✓";
    case Column::iperf:
      return number(verify::Metric::iperf, "{:.3g}");
    case Column::rdma_bandwidth:
      return number(verify::Metric::rdma_bandwidth, "{:.3g}");
    case Column::rdma_latency:
      return number(verify::Metric::rdma_latency, "{:.1f}");
  }
  return "";
}

// One word more than "✗" where the reason is short.
std::string failure_words(const verify::Cell& cell, Column column) {
  if (column == Column::tcp) {
    std::string ports;
    for (const auto& tcp : cell.tcp) {
      if (!tcp.reachable) ports += fmt::format(" {}", tcp.port);
    }
    return "✗" + ports;
  }
  if (column == Column::iperf && cell.iperf && cell.iperf->failure) {
    switch (*cell.iperf->failure) {
      case verify::IperfFailure::missing:
        return "no iperf3";
      case verify::IperfFailure::port_busy:
        return "port busy";
      case verify::IperfFailure::refused:
        return "refused";
      case verify::IperfFailure::timed_out:
        return "✗ timed out";
      case verify::IperfFailure::unreadable:
      case verify::IperfFailure::other:
        return "✗";
    }
  }
  const bool rdma = column == Column::rdma_bandwidth || column == Column::rdma_latency;
  if (rdma && cell.rdma && cell.rdma->failure) {
    return "✗ " + printable(cell.rdma->failure->layer, 16);
  }
  const bool plain = column == Column::ping || column == Column::cable;
  const std::string figure = plain ? "" : figure_words(cell, column);
  return figure.empty() ? "✗" : "✗ " + figure;
}

}  // namespace

std::string short_words(const verify::Cell& cell, Column column) {
  const auto status = status_of(cell, kind_of(column));
  switch (status) {
    case verify::CellStatus::pass: {
      const auto figure = figure_words(cell, column);
      return figure.empty() ? "untested" : figure;
    }
    case verify::CellStatus::slow:
      return "slow " + figure_words(cell, column);
    case verify::CellStatus::fail:
      return failure_words(cell, column);
    case verify::CellStatus::error: {
      const auto words = failure_words(cell, column);
      return words.starts_with("✗") ? "error" : words;
    }
    case verify::CellStatus::unlinked:
      return "—";
    case verify::CellStatus::untested:
      return "untested";
    case verify::CellStatus::unreachable:
      return "no ssh";
    case verify::CellStatus::skipped:
      return "–";
  }
  return "?";
}

std::string pair_words(const model::Fleet& fleet, const verify::Cell& cell) {
  std::string words =
      printable(fleet.nodes[cell.from].name) + " → " + printable(fleet.nodes[cell.to].name);
  if (cell.link && fleet.links_between(cell.from, cell.to).size() > 1) {
    const auto& ends = fleet.links[*cell.link].ends;
    words += " (" + ends[ends[0].node == cell.from ? 0 : 1].interface + ")";
  }
  return words;
}

std::string matrix_findings(const verify::Matrix& matrix, const Style& style) {
  return findings_text(matrix.findings, style);
}

std::string findings_text(const std::vector<verify::Finding>& findings, const Style& style) {
  std::string text;
  for (const auto& found : findings) {
    const std::string first = bullet(mark_of(found.severity), style);
    text += wrap(first, fmt::format("{}: {}", printable(found.target), printable(found.layer)), 4,
                 style);
    text += explain(found.seen, found.expected, found.cure, style, found.meaning);
  }
  return text;
}

std::string_view rdma_word(const std::optional<facts::NodeFacts>& facts) {
  if (!facts) return "unknown";
  switch (facts->rdma) {
    case platform::RdmaState::enabled:
      return "enabled";
    case platform::RdmaState::disabled:
      return "disabled";
    case platform::RdmaState::no_tool:
      return "no-tool";
    case platform::RdmaState::unknown:
      return "unknown";
  }
  return "unknown";
}

std::string_view rdma_word(const std::optional<facts::NodeFacts>& facts,
                           const model::LinkEnd& end) {
  if (!facts || facts->os != facts::Os::linux_kernel) return rdma_word(facts);
  // Without ibv_devinfo, `rdma link` tells at least whether the interface has a device.
  if (!facts->ibv_ports) return facts->rdma_interfaces.empty() ? "none" : "unknown";
  const auto port =
      std::ranges::find(*facts->ibv_ports, end.rdma_device, &platform::IbvPort::device);
  if (port == facts->ibv_ports->end()) return "none";
  return port->state == "PORT_ACTIVE" ? "active" : "down";
}

}  // namespace bringup::report
