// The plan as a person reads it.
#include <fmt/format.h>

#include "bringup/report/text.hpp"
#include "bringup/util/text.hpp"
#include "paint.hpp"

namespace bringup::report {
namespace {

// Commands are shown whole, however long: they are there to be read and copied.
constexpr std::size_t kCommandBytes = 64 * 1024;

std::string finding(const plan::Finding& found, const Style& style) {
  std::string what = printable(found.layer);
  if (!found.target.empty()) what += " " + printable(found.target);
  what += ": " + printable(found.seen);
  if (!found.expected.empty()) what += fmt::format(" (expected {})", printable(found.expected));
  std::string text = wrap(bullet(mark_of(found.severity), style), what, 4, style);
  if (!found.cure.empty()) text += wrap("      next: ", printable(found.cure), 12, style);
  return text;
}

std::string step(const plan::NodePlan& node, const plan::Action& action, const Style& style) {
  std::string text = wrap("  ",
                          fmt::format("{} {}: {}", plan::to_string(action.task),
                                      printable(action.target), printable(action.why)),
                          4, style);
  text += fmt::format("    [dry-run] {}: {}\n", printable(node.node),
                      printable(action.shown, kCommandBytes));
  return text;
}

std::string node_block(const model::Fleet& fleet, const plan::NodePlan& node, std::size_t position,
                       std::size_t total, const Style& style) {
  std::string text = heading(fleet, node.node, position, total, style);
  if (node.state == plan::NodeState::unreachable) {
    const std::string why = node.error ? printable(node.error->message) : "no facts";
    text += wrap(bullet(Mark::bad, style), why, 4, style);
    if (node.error && !node.error->hint.empty()) {
      text += wrap("      next: ", printable(node.error->hint), 12, style);
    }
  }
  for (const auto& found : node.findings) text += finding(found, style);
  if (node.state == plan::NodeState::refused) {
    text += wrap(bullet(Mark::bad, style), "nothing will be changed on this node", 4, style);
    return text;
  }
  if (node.state == plan::NodeState::unreachable) return text;

  std::size_t changes = 0;
  for (const auto& action : node.actions) {
    if (plan::nature(action) == plan::Nature::change) ++changes;
  }
  if (changes == 0) {
    text += bullet(Mark::good, style) +
            (node.actions.empty() ? "nothing to do\n" : "nothing to do but checks\n");
  }
  for (const auto& action : node.actions) text += step(node, action, style);
  return text;
}

}  // namespace

std::string text_plan(const model::Fleet& fleet, const plan::Plan& plan, const Style& style) {
  std::string text;
  std::size_t unreachable = 0;
  std::size_t refused = 0;
  for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
    text += node_block(fleet, plan.nodes[i], i + 1, plan.nodes.size(), style) + "\n";
    if (plan.nodes[i].state == plan::NodeState::unreachable) ++unreachable;
    if (plan.nodes[i].state == plan::NodeState::refused) ++refused;
  }
  std::string line =
      count_of(plan.nodes.size(), "node") + ", " + count_of(plan.changes(), "change");
  if (unreachable > 0) line += fmt::format(", {} unreachable", unreachable);
  if (refused > 0) line += fmt::format(", {} refused", refused);
  if (plan.offline) line += " (offline: facts unknown)";
  return text + wrap("", line, 0, style);
}

}  // namespace bringup::report
