// The Connectivity and Summary sections of apply, and the matrix of verify.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "bringup/report/text.hpp"
#include "bringup/util/table.hpp"
#include "bringup/util/text.hpp"
#include "cells.hpp"
#include "paint.hpp"
#include "reach_words.hpp"
#include "text_parts.hpp"

namespace bringup::report {
namespace {

// "  a → b  ✓ 0.12 ms" for every cell that `keep` wants; `mark_and_words` gives what stands behind.
template <class Keep, class Words>
std::string list(const model::Fleet& fleet, const verify::Matrix& matrix, const Style& style,
                 Keep keep, Words mark_and_words) {
  std::size_t widest = 0;
  for (const auto& cell : matrix.cells) {
    if (keep(cell)) widest = std::max(widest, display_width(pair_words(fleet, cell)));
  }
  std::string text;
  for (const auto& cell : matrix.cells) {
    if (!keep(cell)) continue;
    std::string first = "  " + pair_words(fleet, cell);
    first.append(widest + 4 - display_width(first), ' ');
    const auto [which, words] = mark_and_words(cell);
    text += wrap(first + mark(which, style) + " ", words, widest + 6, style);
  }
  return text;
}

std::pair<Mark, std::string> whole(const verify::Cell& cell) {
  return {mark_of(cell.status), long_words(cell)};
}

bool linked(const verify::Cell& cell) {
  return cell.link.has_value();
}

// A link that has no RDMA to be measured has no place in RDMA's tables.
bool has_place(const model::Fleet& fleet, const verify::Cell& cell, Column column) {
  const bool measured = cell.rdma.has_value();
  return kind_of(column) != verify::CheckKind::rdma || !cell.link || measured ||
         fleet.links[*cell.link].rdma;
}

Table square(const model::Fleet& fleet, const verify::Matrix& matrix, Column column) {
  // The worst of several links' cells stands for the pair.
  const auto bad = [&](const verify::Cell& cell) {
    return has_place(fleet, cell, column) ? verify::badness(status_of(cell, kind_of(column))) : -1;
  };
  std::map<std::pair<std::size_t, std::size_t>, const verify::Cell*> worst;
  for (const auto& cell : matrix.cells) {
    auto& slot = worst[{cell.from, cell.to}];
    if (slot == nullptr || bad(cell) > bad(*slot)) slot = &cell;
  }
  std::vector<std::size_t> nodes;
  std::vector<Align> alignment = {Align::left};
  std::vector<std::string> head = {"from \\ to"};
  for (const auto& name : matrix.nodes) {
    if (const auto index = fleet.node_index(name)) nodes.push_back(*index);
    alignment.push_back(Align::right);
    head.push_back(printable(name));
  }
  Table table(alignment);
  table.add(head);
  for (const std::size_t from : nodes) {
    std::vector<std::string> row = {printable(fleet.nodes[from].name)};
    for (const std::size_t to : nodes) {
      const auto found = worst.find({from, to});
      row.push_back(found == worst.end() ? "·"
                    : !has_place(fleet, *found->second, column)
                        ? "–"
                        : short_words(*found->second, column));
    }
    table.add(row);
  }
  return table;
}

// A table's word behind a mark of its own: "✗ 22" is "22" there.
std::string after_mark(const std::string& words, Column column) {
  if (words == "✓") return column == Column::cable ? "as declared" : "reachable";
  if (words == "✗") return "failed";
  const std::string cross = "✗ ";
  return words.starts_with(cross) ? words.substr(cross.size()) : words;
}

// " by bringup-probe (UC)": whose figures RDMA's are; several means are all named, and what each
// cell was measured by is in the JSON.
std::string by_means(const verify::Matrix& matrix) {
  std::set<std::string> means;
  for (const auto& cell : matrix.cells) {
    if (!cell.rdma || cell.rdma->failure) continue;
    means.insert(fmt::format("{} ({})", means_words(cell.rdma->means),
                             cell.rdma->qp == verify::QpType::uc ? "UC" : "RC"));
  }
  if (means.empty()) return "";
  return " by " + join({means.begin(), means.end()}, ", ");
}

std::string title(const verify::Matrix& matrix, Column column) {
  switch (column) {
    case Column::cable:
      return "Cables";
    case Column::ping:
      return "Ping, average round trip";
    case Column::mtu:
      return "Largest packet, bytes";
    case Column::tcp:
      return "TCP connections";
    case Column::iperf:
      return "iperf3, Gb/s received";
    case Column::rdma_bandwidth:
      return "RDMA bandwidth, Gb/s" + by_means(matrix);
    case Column::rdma_latency:
      return "RDMA latency, µs one way" + by_means(matrix);
  }
  return "";
}

bool of_links(const verify::Matrix& matrix) {
  return matrix.checks.empty() ||
         std::any_of(matrix.checks.begin(), matrix.checks.end(), verify::is_of_links);
}

std::vector<Column> columns_of(const verify::Matrix& matrix) {
  using verify::CheckKind;
  if (!of_links(matrix)) return {};
  std::vector<Column> columns;
  // A fleet of segments alone has no links to show, only who reaches whom.
  if (!matrix.reach.empty() && std::none_of(matrix.cells.begin(), matrix.cells.end(), linked)) {
    return columns;
  }
  if (matrix.has(CheckKind::cable)) columns.push_back(Column::cable);
  const bool any_of_these = matrix.has(CheckKind::cable) || matrix.has(CheckKind::mtu) ||
                            matrix.has(CheckKind::tcp) || matrix.has(CheckKind::iperf) ||
                            matrix.has(CheckKind::rdma) || matrix.has(CheckKind::reach);
  if (matrix.has(CheckKind::ping) || matrix.has(CheckKind::route) || !any_of_these) {
    columns.push_back(Column::ping);
  }
  if (matrix.has(CheckKind::mtu)) columns.push_back(Column::mtu);
  if (matrix.has(CheckKind::tcp)) columns.push_back(Column::tcp);
  if (matrix.has(CheckKind::iperf)) columns.push_back(Column::iperf);
  if (matrix.has(CheckKind::rdma)) {
    columns.push_back(Column::rdma_bandwidth);
    columns.push_back(Column::rdma_latency);
  }
  return columns;
}

Mark worse(Mark a, Mark b) {
  if (a == Mark::bad || b == Mark::bad) return Mark::bad;
  if (a == Mark::warn || b == Mark::warn) return Mark::warn;
  return Mark::good;
}

// Is this link end to blame for a cell that is not as it should be? Of an unplugged cable both ends
// are that see no carrier.
bool blamed(const verify::Cell& cell, const AppliedNode& node, const std::string& interface) {
  if (!cell.diagnosis) return true;
  const auto& blame = *cell.diagnosis;
  if (blame.layer == "cable" && node.facts) {
    const auto* port = node.facts->find_interface(interface);
    if (port != nullptr && port->active == false) return true;
  }
  return blame.node == node.plan.node && (blame.target.empty() || blame.target == interface);
}

Mark end_mark(const model::Fleet& fleet, const ApplyReport& report, const AppliedNode& node,
              std::size_t link, const model::LinkEnd& end) {
  Mark result = Mark::good;
  if (node.outcome.error || node.plan.state != plan::NodeState::ready) return Mark::bad;
  // A step or finding about another of the node's interfaces says nothing about this one.
  const auto concerns = [&](const std::string& target) {
    for (const std::size_t other : fleet.links_of(end.node)) {
      for (const auto& other_end : fleet.links[other].ends) {
        if (other_end.node == end.node && other_end.interface != end.interface &&
            other_end.interface == target) {
          return false;
        }
      }
    }
    return true;
  };
  for (const auto& step : node.outcome.steps) {
    if (!concerns(step.target)) continue;
    const Mark own = mark_of(step.status);
    result = worse(result, own == Mark::none ? Mark::bad : own);
  }
  for (const auto& found : node.plan.findings) {
    if (concerns(found.target)) result = worse(result, mark_of(found.severity));
  }
  if (report.matrix) {
    for (const auto& cell : report.matrix->cells) {
      if (cell.link != link || !blamed(cell, node, end.interface)) continue;
      result = worse(result, mark_of(cell.status));
    }
  }
  return result;
}

}  // namespace

std::string text_connectivity(const model::Fleet& fleet, const verify::Matrix& matrix,
                              const Style& style) {
  std::string text = bold("Connectivity", style) + "\n" + list(fleet, matrix, style, linked, whole);
  if (const auto reach = text_reach(fleet, matrix, style); !reach.empty()) text += "\n" + reach;
  if (!matrix.findings.empty()) text += "\n" + matrix_findings(matrix, style);
  return text;
}

std::string text_summary(const model::Fleet& fleet, const ApplyReport& report, const Style& style) {
  Table table;
  std::vector<Mark> marks;
  for (const auto& node : report.nodes) {
    const auto index = fleet.node_index(node.plan.node);
    if (!index) continue;
    for (const std::size_t link : fleet.links_of(*index)) {
      for (const auto& end : fleet.links[link].ends) {
        if (end.node != *index) continue;
        table.add({printable(node.plan.node), end.interface,
                   fmt::format("{}/{}", end.address.to_string(), fleet.links[link].subnet.prefix()),
                   fmt::format("RDMA:{}", rdma_word(node.facts, end)), "|"});
        marks.push_back(end_mark(fleet, report, node, link, end));
      }
    }
  }
  std::string text = bold("Summary", style) + "\n";
  const auto lines = table.lines(2);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    text += lines[i].substr(0, lines[i].size() - 1) + mark(marks[i], style) + "\n";
  }
  return text;
}

std::string text_verify(const model::Fleet& fleet, const verify::Matrix& matrix,
                        const Style& style) {
  std::string text;
  const auto columns = columns_of(matrix);
  for (const Column column : columns) {
    const Table table = square(fleet, matrix, column);
    if (!text.empty()) text += "\n";
    text += bold(title(matrix, column), style) + "\n";
    if (table.width() <= style.width) {
      text += table.render();
      continue;
    }
    // Where there is one table only, its lines have room for the reasons.
    const auto words = [&](const verify::Cell& cell) -> std::pair<Mark, std::string> {
      if (columns.size() == 1 && column == Column::ping) return whole(cell);
      if (!has_place(fleet, cell, column)) return {Mark::none, "no RDMA"};
      return {mark_of(status_of(cell, kind_of(column))),
              after_mark(short_words(cell, column), column)};
    };
    text += list(
        fleet, matrix, style, [](const auto&) { return true; }, words);
  }
  const auto gap = [&] { return text.empty() ? "" : "\n"; };
  if (const auto reach = text_reach(fleet, matrix, style); !reach.empty()) text += gap() + reach;
  if (matrix.has(verify::CheckKind::services)) {
    text += gap() + services_section(fleet, matrix, style);
  }
  if (matrix.has(verify::CheckKind::discovery)) {
    text += gap() + discovery_section(fleet, matrix, style);
  }
  if (!matrix.findings.empty()) text += "\n" + matrix_findings(matrix, style);
  // Of links that were not looked at, nothing is counted.
  const bool links = of_links(matrix);
  const auto total = links ? matrix.total() - matrix.count(verify::CellStatus::unlinked)
                           : matrix.services.size() + matrix.discovery.size();
  std::string totals = fmt::format("{} of {} pass", matrix.count(verify::CellStatus::pass), total);
  constexpr verify::CellStatus others[] = {
      verify::CellStatus::slow,  verify::CellStatus::fail,     verify::CellStatus::unreachable,
      verify::CellStatus::error, verify::CellStatus::untested, verify::CellStatus::skipped};
  for (const auto status : others) {
    if (!links && status == verify::CellStatus::skipped) continue;
    if (const auto n = matrix.count(status); n > 0) {
      totals += fmt::format(", {} {}", n, verify::to_string(status));
    }
  }
  if (const auto reach = reach_totals(matrix); !reach.empty()) {
    // Without links, or with nothing asked of them, there is nothing else to count.
    const auto skipped = links ? matrix.count(verify::CellStatus::skipped) : 0;
    totals = total == skipped ? reach : totals + "; " + reach;
  }
  return text + "\n" + wrap("", totals, 0, style);
}

}  // namespace bringup::report
