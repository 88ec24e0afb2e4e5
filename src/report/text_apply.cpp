// What apply did, node by node, and the line of totals.
#include <fmt/format.h>

#include <algorithm>

#include "bringup/report/text.hpp"
#include "bringup/util/text.hpp"
#include "paint.hpp"
#include "reach_words.hpp"

namespace bringup::report {
namespace {

std::string error_lines(const Error& error, const Style& style) {
  std::string text = wrap(bullet(Mark::bad, style), printable(error.message), 4, style);
  return text + explain("", "", error.hint, style);
}

// Warnings carry their cure in the same line, as people know it; failures explain themselves below.
std::string step_lines(const plan::StepOutcome& step, const Style& style) {
  const std::string first = bullet(mark_of(step.status), style);
  std::string what = printable(step.text);
  if (what.empty()) {
    what = fmt::format("{} {}", plan::to_string(step.task), printable(step.target));
  }
  const std::string cure = printable(step.cure);
  switch (step.status) {
    case plan::StepStatus::warning:
      if (!cure.empty() && what.find(cure) == std::string::npos) what += " (" + cure + ")";
      return wrap(first, what, 4, style);
    case plan::StepStatus::failed:
      return wrap(first, what, 4, style) + explain(step.seen, step.expected, step.cure, style);
    case plan::StepStatus::skipped: {
      const std::string reason = step.seen.empty() ? "" : ": " + printable(step.seen);
      return wrap(first, fmt::format("{} (skipped{})", what, reason), 4, style);
    }
    case plan::StepStatus::done:
    case plan::StepStatus::ok:
      break;
  }
  return wrap(first, what, 4, style);
}

std::string finding_lines(const plan::Finding& found, const Style& style) {
  const std::string target = found.target.empty() ? "" : " " + printable(found.target);
  std::string what = fmt::format("{}{}: {}", printable(found.layer), target, printable(found.seen));
  const std::string first = bullet(mark_of(found.severity), style);
  if (found.severity == plan::Severity::error) {
    return wrap(first, what, 4, style) + explain("", found.expected, found.cure, style);
  }
  if (!found.cure.empty()) what += " (" + printable(found.cure) + ")";
  return wrap(first, what, 4, style);
}

// A finding that a step repeats (RDMA disabled, seen again by rdma.check) is told once, by the
// step.
bool told_by_step(const plan::Finding& found, const plan::NodeOutcome& outcome) {
  return std::any_of(outcome.steps.begin(), outcome.steps.end(), [&](const auto& step) {
    return step.status != plan::StepStatus::skipped && !found.cure.empty() &&
           step.cure == found.cure;
  });
}

}  // namespace

std::string text_applied_node(const model::Fleet& fleet, const AppliedNode& node,
                              std::size_t position, std::size_t total, const Style& style) {
  std::string text = heading(fleet, node.plan.node, position, total, style);
  for (const auto& found : node.plan.findings) {
    if (!told_by_step(found, node.outcome)) text += finding_lines(found, style);
  }
  for (const auto& step : node.outcome.steps) text += step_lines(step, style);
  if (node.outcome.guard.state == plan::GuardState::committed) {
    text +=
        wrap(bullet(Mark::good, style),
             fmt::format("confirmed over a new connection ({})", printable(node.outcome.guard.why)),
             4, style);
  }
  const auto& error = node.outcome.error ? node.outcome.error : node.plan.error;
  if (error) {
    text += error_lines(*error, style);
  } else if (node.plan.state == plan::NodeState::refused) {
    text += bullet(Mark::bad, style) + "nothing was changed on this node\n";
  } else if (node.outcome.steps.empty()) {
    text += bullet(Mark::good, style) + "nothing to do\n";
  }
  return text;
}

std::string text_apply(const model::Fleet& fleet, const ApplyReport& report, const Style& style) {
  std::string text;
  for (std::size_t i = 0; i < report.nodes.size(); ++i) {
    text += text_applied_node(fleet, report.nodes[i], i + 1, report.nodes.size(), style) + "\n";
  }
  if (report.matrix) text += text_connectivity(fleet, *report.matrix, style) + "\n";
  text += text_summary(fleet, report, style) + "\n";

  const ApplyTotals totals = totals_of(report);
  std::string line =
      count_of(report.nodes.size(), "node") + ", " + count_of(totals.changed, "change");
  if (totals.failed > 0) line += fmt::format(", {} failed", totals.failed);
  if (totals.warnings > 0) line += ", " + count_of(totals.warnings, "warning");
  if (totals.not_done > 0) line += fmt::format(", {} not done", count_of(totals.not_done, "node"));
  if (report.matrix) {
    const auto linked = report.matrix->total() - report.matrix->count(verify::CellStatus::unlinked);
    const auto reach = reach_totals(*report.matrix);
    if (linked > 0 || reach.empty()) {
      line += fmt::format(", {} of {} pings pass", report.matrix->count(verify::CellStatus::pass),
                          linked);
    }
    if (!reach.empty()) line += ", " + reach;
  }
  return text + wrap("", line, 0, style);
}

}  // namespace bringup::report
