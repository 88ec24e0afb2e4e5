// The chain of layers of each link, and the estimate of a verify.
#include <fmt/format.h>

#include <cmath>

#include "bringup/report/text.hpp"
#include "bringup/util/text.hpp"
#include "cells.hpp"
#include "paint.hpp"

namespace bringup::report {
namespace {

Mark mark_of(verify::LayerState state) {
  switch (state) {
    case verify::LayerState::ok:
      return Mark::good;
    case verify::LayerState::broken:
      return Mark::bad;
    case verify::LayerState::unknown:
    case verify::LayerState::skipped:
      return Mark::none;
  }
  return Mark::bad;
}

std::string duration(double seconds) {
  const auto whole = static_cast<long long>(std::llround(seconds));
  if (seconds < 10) return fmt::format("{:.1f} s", seconds);
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
}

std::string end_words(const model::Fleet& fleet, const model::LinkEnd& end) {
  return printable(fleet.nodes[end.node].name) + ":" + printable(end.interface);
}

}  // namespace

std::string text_estimate(const verify::Estimate& estimate, const Style& style) {
  std::string text;
  if (estimate.rounds > 0) {
    text += fmt::format("{} in {}, at most {} at once: about {}\n",
                        count_of(estimate.links, "link"), count_of(estimate.rounds, "round"),
                        estimate.widest, duration(estimate.exclusive_s));
  }
  text += fmt::format("Checks on all links at once: about {}\n", duration(estimate.background_s));
  return text +
         bold(fmt::format("About {} in all; nothing was run", duration(estimate.total_s())),
              style) +
         "\n";
}

std::string text_status(const model::Fleet& fleet, const std::vector<verify::LinkStatus>& links,
                        const Style& style, const std::vector<verify::Finding>& findings,
                        const std::vector<NodeKeeper>& keepers) {
  std::string text;
  std::size_t whole = 0;
  for (const auto& status : links) {
    const auto& link = fleet.links[status.link];
    text += bold(printable(fleet.link_name(link)), style) +
            fmt::format(" ({})\n", model::to_string(link.kind));
    for (std::size_t side = 0; side < 2; ++side) {
      text += "  " + end_words(fleet, link.ends[side]) + "\n";
      for (const auto& layer : status.ends[side]) {
        const std::string first = fmt::format("    {} {:<10}", mark(mark_of(layer.state), style),
                                              verify::to_string(layer.layer));
        text += wrap(first, printable(layer.text), 16, style);
      }
    }
    if (!status.first_broken) {
      ++whole;
      continue;
    }
    const auto& broken = *status.first_broken;
    text += wrap("  → ",
                 fmt::format("{}{}: {}", printable(broken.node),
                             broken.target.empty() ? "" : ":" + printable(broken.target),
                             printable(broken.layer)),
                 4, style);
    text += explain(broken.seen, broken.expected, broken.cure, style, broken.meaning);
  }
  if (!findings.empty()) text += "\n" + findings_text(findings, style);
  if (const std::string kept = text_keepers(keepers, style); !kept.empty()) text += "\n" + kept;
  return text + (text.empty() ? "" : "\n") +
         fmt::format("{} of {} without a broken layer\n", whole, count_of(links.size(), "link"));
}

}  // namespace bringup::report
