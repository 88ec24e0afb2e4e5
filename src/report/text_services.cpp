// The lists of verify that are not about links: services, and what discovery heard.
#include <fmt/format.h>

#include <algorithm>

#include "bringup/util/text.hpp"
#include "cells.hpp"
#include "paint.hpp"
#include "text_parts.hpp"

namespace bringup::report {
namespace {

struct Line {
  std::string first;
  Mark which;
  std::string words;
};

// "  FIRST  ✓ WORDS", the marks below one another; where that leaves no room for the words, they go
// to a line of their own.
std::string aligned(const std::vector<Line>& lines, const Style& style) {
  constexpr std::size_t kRoom = 30;
  std::size_t widest = 0;
  for (const Line& line : lines) widest = std::max(widest, display_width(line.first));
  const bool beside = widest + kRoom <= style.width;
  std::string text;
  for (const Line& line : lines) {
    std::string first = "  " + line.first;
    if (beside) {
      first.append(widest - display_width(line.first) + 2, ' ');
    } else {
      text += first + "\n";
      first = "    ";
    }
    text += wrap(first + mark(line.which, style) + " ", line.words, beside ? widest + 6 : 6, style);
  }
  return text;
}

std::string reason(const std::optional<verify::Diagnosis>& diagnosis, const std::string& text) {
  return printable(diagnosis && text.empty() ? diagnosis->seen : text, 300);
}

std::string milliseconds(double ms) {
  return ms < 10 ? fmt::format("{:.1f} ms", ms) : fmt::format("{:.0f} ms", ms);
}

std::string words_of(const model::Service& service, const verify::ServiceCell& cell) {
  const auto& attempt = cell.attempt;
  if (attempt.answer == verify::ServiceAnswer::no_session) return "no ssh";
  if (attempt.answer == verify::ServiceAnswer::not_tried) return "untested: " + attempt.text;
  if (attempt.answer != verify::ServiceAnswer::answered) return reason(cell.diagnosis, "");
  std::string words = fmt::format("{} port {} {}", printable(attempt.address, 60), service.port,
                                  model::to_string(service.kind));
  if (attempt.http_status) words += fmt::format(" {}", *attempt.http_status);
  if (attempt.ms) words += ", " + milliseconds(*attempt.ms);
  if (attempt.by == verify::ServiceMeans::nc) words += ", by nc";
  if (attempt.large_ms) {
    words +=
        fmt::format(", {} bytes in {}", service.message_bytes, milliseconds(*attempt.large_ms));
  }
  return words;
}

std::string words_of(const verify::DiscoveryCell& cell) {
  using verify::CellStatus;
  if (cell.status == CellStatus::unreachable) return "no ssh";
  if (cell.status == CellStatus::untested) return "untested: " + printable(cell.text, 200);
  std::vector<std::string> heard, missing;
  for (std::size_t i = 0; i < cell.heard.size(); ++i) {
    if (!cell.heard[i]) continue;
    (*cell.heard[i] > 0 ? heard : missing).emplace_back(verify::to_string(verify::kCastKinds[i]));
  }
  std::string words = heard.empty() ? "nothing heard" : join(heard, ", ");
  if (!heard.empty() && !missing.empty()) words += "; not " + join(missing, ", ");
  if (!cell.elsewhere.empty()) {
    words += "; also on " + printable(join(cell.elsewhere, ", "), 100);
  }
  return words;
}

}  // namespace

std::string services_section(const model::Fleet& fleet, const verify::Matrix& matrix,
                             const Style& style) {
  std::vector<Line> lines;
  for (const auto& cell : matrix.services) {
    const model::Service& service = fleet.services[cell.attempt.service];
    lines.push_back(
        {printable(fleet.nodes[cell.attempt.from].name) + " → " + printable(service.name, 60),
         mark_of(cell.status), words_of(service, cell)});
  }
  const std::string none = "  none declared between the chosen nodes\n";
  return bold("Services", style) + "\n" + (lines.empty() ? none : aligned(lines, style));
}

std::string discovery_section(const model::Fleet& fleet, const verify::Matrix& matrix,
                              const Style& style) {
  std::vector<Line> lines;
  for (const auto& cell : matrix.discovery) {
    const auto place = [&](std::size_t node, const std::string& interface) {
      return printable(fleet.nodes[node].name) + ":" + interface;
    };
    lines.push_back(
        {place(cell.from, cell.from_interface) + " → " + place(cell.to, cell.to_interface),
         mark_of(cell.status), words_of(cell)});
  }
  const std::string none = "  no link or segment between the chosen nodes\n";
  return bold("Discovery: heard by UDP", style) + "\n" +
         (lines.empty() ? none : aligned(lines, style));
}

}  // namespace bringup::report
