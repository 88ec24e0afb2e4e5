#include "reach_words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "bringup/util/text.hpp"
#include "cells.hpp"
#include "paint.hpp"

namespace bringup::report {
namespace {

using verify::CellStatus;
using verify::ReachWish;

std::string ends_words(const model::Fleet& fleet, const verify::ReachCell& cell) {
  const auto& check = cell.check;
  std::string words = printable(fleet.nodes[check.from].name) + " →";
  if (check.to) words += " " + printable(fleet.nodes[*check.to].name);
  if (check.address) words += " " + check.address->to_string();
  return words;
}

// " (1 hop: mini3)"; nothing where nobody is in between.
std::string hops_words(const model::Fleet& fleet, const verify::ReachCell& cell) {
  if (cell.hops.value_or(0) == 0) return "";
  std::vector<std::string> names;
  for (const auto& hop : cell.path) {
    if (hop.answer == verify::Hop::Answer::reached) break;
    names.push_back(hop.node      ? printable(fleet.nodes[*hop.node].name)
                    : hop.address ? hop.address->to_string()
                                  : "?");
  }
  return fmt::format(" ({}: {})", count_of(*cell.hops, "hop"), join(names, ", "));
}

// "0.40 ms", "0.40 ms (1 hop: mini1), 0.94 Gb/s"
std::string figures(const model::Fleet& fleet, const verify::ReachCell& cell) {
  std::vector<std::string> words;
  if (cell.ping && cell.ping->avg_ms) {
    words.push_back(fmt::format("{:.2f} ms", *cell.ping->avg_ms) + hops_words(fleet, cell));
  }
  if (cell.iperf && cell.iperf->gbps)
    words.push_back(fmt::format("{:.3g} Gb/s", *cell.iperf->gbps));
  return words.empty() ? "replied" : join(words, ", ");
}

std::string pass_words(const model::Fleet& fleet, const verify::ReachCell& cell) {
  switch (cell.check.wish) {
    case ReachWish::reachable:
      return figures(fleet, cell);
    case ReachWish::unreachable:
      return "not reachable, as declared";
    case ReachWish::leaves_via:
    case ReachWish::shuns_via:
      return cell.route_interface.value_or("").empty()
                 ? "no route, as declared"
                 : "leaves through " + printable(*cell.route_interface);
  }
  return "";
}

std::string words_of(const model::Fleet& fleet, const verify::ReachCell& cell) {
  const std::string seen = cell.diagnosis ? printable(cell.diagnosis->seen) : "";
  switch (cell.status) {
    case CellStatus::pass:
      return pass_words(fleet, cell);
    case CellStatus::slow:
      return "slow " + figures(fleet, cell);
    case CellStatus::fail: {
      const bool silent = cell.check.wish == ReachWish::reachable &&
                          (!cell.ping || cell.ping->received == 0) && !cell.iperf &&
                          (!cell.diagnosis || cell.diagnosis->layer != "ping");
      return (silent ? "no reply: " : "") + (seen.empty() ? "failed" : seen);
    }
    case CellStatus::unreachable:
      return "no session" + (seen.empty() ? "" : ": " + seen);
    case CellStatus::error:
      return "error" + (seen.empty() ? "" : ": " + seen);
    case CellStatus::untested:
    case CellStatus::unlinked:
    case CellStatus::skipped:
      return "untested";
  }
  return "?";
}

}  // namespace

std::string text_reach(const model::Fleet& fleet, const verify::Matrix& matrix,
                       const Style& style) {
  if (matrix.reach.empty()) return "";
  std::size_t widest = 0;
  for (const auto& cell : matrix.reach) {
    widest = std::max(widest, display_width(ends_words(fleet, cell)));
  }
  std::string text = bold("Reach", style) + "\n";
  for (const auto& cell : matrix.reach) {
    std::string first = "  " + ends_words(fleet, cell);
    first.append(widest + 4 - display_width(first), ' ');
    text += wrap(first + mark(mark_of(cell.status), style) + " ", words_of(fleet, cell), widest + 6,
                 style);
  }
  return text;
}

std::string reach_totals(const verify::Matrix& matrix) {
  if (matrix.reach.empty()) return "";
  std::string totals = fmt::format("{} of {} reach checks pass",
                                   matrix.count_reach(CellStatus::pass), matrix.reach.size());
  for (const auto status : {CellStatus::slow, CellStatus::fail, CellStatus::unreachable,
                            CellStatus::error, CellStatus::untested}) {
    if (const auto n = matrix.count_reach(status); n > 0) {
      totals += fmt::format(", {} {}", n, verify::to_string(status));
    }
  }
  return totals;
}

}  // namespace bringup::report
