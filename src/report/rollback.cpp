#include "bringup/report/rollback.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "bringup/report/text.hpp"
#include "bringup/util/text.hpp"
#include "paint.hpp"

namespace bringup::report {
namespace {

using nlohmann::ordered_json;

std::string field_line(const ReturnedField& field, const Style& style) {
  const auto& it = field.difference;
  const std::string words = fmt::format("{}: {} now, {} before the run", printable(it.item),
                                        printable(it.now), printable(it.was));
  if (field.by_the_run) return wrap(bullet(Mark::bad, style), words, 4, style);
  return wrap(bullet(Mark::warn, style), words + " (not touched by it)", 4, style);
}

bool all_returned(const RolledBackNode& node) {
  return node.compared && std::ranges::none_of(node.fields, &ReturnedField::by_the_run);
}

}  // namespace

std::size_t not_returned(const RollbackReport& report) {
  std::size_t count = 0;
  for (const auto& node : report.nodes) {
    count +=
        static_cast<std::size_t>(std::ranges::count_if(node.fields, &ReturnedField::by_the_run));
  }
  return count;
}

std::string text_rollback(const model::Fleet& fleet, const RollbackReport& report,
                          const Style& style) {
  std::string text;
  std::size_t returned = 0;
  ApplyReport steps;
  for (std::size_t i = 0; i < report.nodes.size(); ++i) {
    const RolledBackNode& node = report.nodes[i];
    steps.nodes.push_back(node.applied);
    text += text_applied_node(fleet, node.applied, i + 1, report.nodes.size(), style);
    for (const auto& field : node.fields) text += field_line(field, style);
    if (all_returned(node)) {
      ++returned;
      text += bullet(Mark::good, style) + "as recorded before the run\n";
    }
    text += "\n";
  }
  const ApplyTotals totals = totals_of(steps);
  std::string line =
      fmt::format("{}, {}, {} as before {}", count_of(report.nodes.size(), "node"),
                  count_of(totals.changed, "change"), returned, printable(report.undoes, 80));
  if (totals.failed > 0) line += fmt::format(", {} failed", totals.failed);
  return text + wrap("", line, 0, style);
}

std::string json_rollback(const RollbackReport& report) {
  ordered_json nodes = ordered_json::array();
  for (const auto& node : report.nodes) {
    ordered_json steps = ordered_json::array();
    for (const auto& step : node.applied.outcome.steps) {
      steps.push_back({{"task", plan::to_string(step.task)},
                       {"target", printable(step.target)},
                       {"status", plan::to_string(step.status)},
                       {"text", printable(step.text)}});
    }
    ordered_json fields = ordered_json::array();
    for (const auto& field : node.fields) {
      fields.push_back({{"item", printable(field.difference.item)},
                        {"was", printable(field.difference.was)},
                        {"now", printable(field.difference.now)},
                        {"by_the_run", field.by_the_run}});
    }
    const auto& error =
        node.applied.outcome.error ? node.applied.outcome.error : node.applied.plan.error;
    nodes.push_back(
        {{"node", node.applied.plan.node},
         {"state", plan::to_string(node.applied.plan.state)},
         {"returned", all_returned(node)},
         {"steps", std::move(steps)},
         {"differences", std::move(fields)},
         {"error", error ? ordered_json(printable(error->message)) : ordered_json(nullptr)}});
  }
  const ordered_json document{{"schema", "bringup.rollback/1"},
                              {"run", report.run},
                              {"undoes", report.undoes},
                              {"nodes", std::move(nodes)}};
  return document.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace bringup::report
