#include "cells.hpp"

#include <fmt/format.h>

#include "bringup/util/text.hpp"

namespace bringup::report {
namespace {

std::string rtt(const verify::Cell& cell) {
  if (!cell.ping || !cell.ping->avg_ms) return "replied";
  return fmt::format("{:.2f} ms", *cell.ping->avg_ms);
}

std::string failure(const verify::Cell& cell) {
  if (!cell.diagnosis) return "failed";
  const std::string seen = printable(cell.diagnosis->seen);
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
  std::string text;
  for (const auto& found : matrix.findings) {
    const std::string first = bullet(mark_of(found.severity), style);
    text += wrap(first, fmt::format("{}: {}", printable(found.target), printable(found.layer)), 4,
                 style);
    text += explain(found.seen, found.expected, found.cure, style);
  }
  return text;
}

}  // namespace bringup::report
