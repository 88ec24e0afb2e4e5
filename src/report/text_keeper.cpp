// What makes settings outlive a reboot, node by node.
#include <fmt/format.h>

#include "bringup/report/text.hpp"
#include "bringup/util/text.hpp"
#include "paint.hpp"

namespace bringup::report {
namespace {

using plan::KeeperState;

// It runs every minute; two that are missed are chance, three are not.
constexpr std::int64_t kOverdue = 180;

std::string ago(std::int64_t seconds) {
  if (seconds < 120) return fmt::format("{} s ago", seconds);
  if (seconds < 7200) return fmt::format("{} min ago", seconds / 60);
  return fmt::format("{} h ago", seconds / 3600);
}

std::string run_words(const std::optional<facts::KeeperRun>& run) {
  if (!run || !run->this_boot) return "has not run since the node was started";
  std::string out =
      "ran " + ago(run->seconds_ago) +
      (run->changes == 0 ? ", changed nothing" : ", made " + count_of(run->changes, "change"));
  if (run->total > run->changes) {
    out += fmt::format(" ({} since the node was started)", run->total);
  }
  if (run->seconds_ago > kOverdue) out += ", is overdue";
  return run->problem.empty() ? out : out + ": " + printable(run->problem, 200);
}

Mark mark_of(const NodeKeeper& keeper) {
  const auto& run = keeper.last_run;
  const bool well = keeper.state == KeeperState::ready && run && run->this_boot &&
                    run->problem.empty() && run->seconds_ago <= kOverdue;
  return well ? Mark::good : Mark::warn;
}

std::string words(const NodeKeeper& keeper) {
  switch (keeper.state) {
    case KeeperState::unused:
      break;
    case KeeperState::missing:
      return "not installed; run bringup apply";
    case KeeperState::stale:
      return run_words(keeper.last_run) +
             "; it is not loaded, or has other settings than the inventory: run bringup apply";
    case KeeperState::left:
      return run_words(keeper.last_run) +
             "; the inventory does not ask for it: bringup apply removes it";
    case KeeperState::ready:
      return run_words(keeper.last_run);
  }
  return "not installed, not asked for";
}

}  // namespace

NodeKeeper node_keeper(const model::Fleet& fleet, std::size_t node, const facts::NodeFacts& facts) {
  return {fleet.nodes.at(node).name, plan::keeper_state(fleet, node, facts), facts.keeper.last_run};
}

std::string text_keepers(const std::vector<NodeKeeper>& keepers, const Style& style) {
  std::string text;
  for (const NodeKeeper& keeper : keepers) {
    if (keeper.state == KeeperState::unused) continue;
    const std::string first =
        fmt::format("{}{}  ", bullet(mark_of(keeper), style), printable(keeper.node));
    text += wrap(first, words(keeper), 6, style);
  }
  return text.empty() ? text : bold("Persistence", style) + "\n" + text;
}

}  // namespace bringup::report
