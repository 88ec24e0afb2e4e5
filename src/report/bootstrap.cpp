#include "bringup/report/bootstrap.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "bringup/util/text.hpp"
#include "paint.hpp"

namespace bringup::report {
namespace {

using nlohmann::ordered_json;
using plan::BootstrapItem;
using plan::BootstrapStatus;

bool is_bad(const BootstrapItem& item) {
  return item.status == BootstrapStatus::failed || item.status == BootstrapStatus::not_done;
}

bool is_change(const BootstrapItem& item) {
  return item.status == BootstrapStatus::change || item.status == BootstrapStatus::done;
}

std::string item_lines(const BootstrapItem& item, const Style& style) {
  std::string words = printable(item.text, 800);
  if (item.status == BootstrapStatus::done) words += ": done";
  if (item.status == BootstrapStatus::not_done) words = "not done: " + words;
  std::string text = wrap(bullet(is_bad(item) ? Mark::bad : Mark::good, style), words, 4, style);
  if (is_bad(item)) text += explain({}, {}, item.cure, style);
  return text;
}

std::string error_lines(const Error& error, const Style& style) {
  return wrap(bullet(Mark::bad, style), printable(error.message, 800), 4, style) +
         explain({}, {}, error.hint, style);
}

std::string summary_line(const BootstrapReport& report, const Style& style) {
  const std::size_t failed = failed_items(report);
  std::string line = fmt::format("{}, {}", count_of(report.nodes.size(), "node"),
                                 count_of(changed_items(report), "change"));
  if (failed > 0) line += fmt::format(", {} failed", failed);
  return wrap("", line, 0, style);
}

}  // namespace

std::size_t failed_items(const BootstrapReport& report) {
  std::size_t count = 0;
  for (const auto& node : report.nodes) {
    for (const auto& item : node.items) count += is_bad(item) ? 1 : 0;
  }
  return count;
}

std::size_t changed_items(const BootstrapReport& report) {
  std::size_t count = 0;
  for (const auto& node : report.nodes) {
    for (const auto& item : node.items) count += is_change(item) ? 1 : 0;
  }
  return count;
}

std::string text_bootstrap_plan(const BootstrapReport& report, const Style& style) {
  std::string text;
  for (const auto& node : report.nodes) {
    text += bold(node.node, style) + "\n";
    if (node.error) text += error_lines(*node.error, style);
    for (const auto& item : node.items) {
      if (item.status != BootstrapStatus::change) {
        text += item_lines(item, style);
        continue;
      }
      text += fmt::format("  [dry-run] {}: {}\n", node.node, printable(item.text, 800));
      if (item.part != plan::BootstrapPart::sudoers || !node.sudoers) continue;
      for (const auto line : split_lines(*node.sudoers)) {
        text += "      " + printable(line, 400) + "\n";
      }
    }
    text += "\n";
  }
  return text + summary_line(report, style);
}

std::string text_bootstrap(const BootstrapReport& report, const Style& style) {
  std::string text;
  for (const auto& node : report.nodes) {
    text += bold(node.node, style) + "\n";
    for (const auto& item : node.items) text += item_lines(item, style);
    if (node.error) text += error_lines(*node.error, style);
    text += "\n";
  }
  return text + summary_line(report, style);
}

std::string json_bootstrap(const BootstrapReport& report) {
  ordered_json nodes = ordered_json::array();
  for (const auto& node : report.nodes) {
    ordered_json items = ordered_json::array();
    for (const auto& item : node.items) {
      items.push_back({{"part", plan::to_string(item.part)},
                       {"status", plan::to_string(item.status)},
                       {"text", printable(item.text, 800)},
                       {"cure", printable(item.cure, 800)}});
    }
    ordered_json error = nullptr;
    if (node.error) {
      error = {{"message", printable(node.error->message, 800)},
               {"cure", printable(node.error->hint, 800)}};
    }
    nodes.push_back(
        {{"node", node.node},
         {"items", std::move(items)},
         {"sudoers", node.sudoers ? ordered_json(*node.sudoers) : ordered_json(nullptr)},
         {"error", std::move(error)}});
  }
  const ordered_json document{{"schema", "bringup.bootstrap/1"},
                              {"run", report.run},
                              {"nodes", std::move(nodes)},
                              {"changes", changed_items(report)},
                              {"failed", failed_items(report)}};
  return document.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace bringup::report
