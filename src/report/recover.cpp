#include "bringup/report/recover.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "bringup/report/json.hpp"
#include "bringup/report/text.hpp"
#include "bringup/util/table.hpp"
#include "bringup/util/text.hpp"
#include "paint.hpp"

namespace bringup::report {
namespace {

using nlohmann::ordered_json;

std::string recovery_steps(const std::vector<std::string>& nodes, const Style& style) {
  std::string text = wrap("",
                          "RDMA is off on " + join(nodes, ", ") +
                              ". It cannot be enabled over SSH. On each of these, at the "
                              "machine itself:",
                          0, style);
  text +=
      "  1. shut it down, then hold the power button until the startup options appear\n"
      "  2. choose Options, then Utilities > Terminal\n"
      "  3. run: rdma_ctl enable\n"
      "  4. restart, and here: bringup recover --wait 30m\n";
  return text;
}

std::string table_of(const RecoverReport& report, const Style& style) {
  Table table;
  table.add({"node", "item", "lost", "restored"});
  std::string notes;
  for (const auto& node : report.nodes) {
    for (const auto& item : node.items) {
      table.add({node.node, printable(item.item, 80), printable(item.lost, 80),
                 item.restored ? "yes" : "no"});
      if (!item.restored && !item.why_not.empty()) {
        notes += wrap(bullet(Mark::bad, style),
                      node.node + ", " + printable(item.item, 80) + ": " + printable(item.why_not),
                      4, style);
      }
    }
  }
  return table.render(2) + notes;
}

}  // namespace

std::size_t still_lost(const RecoverReport& report) {
  std::size_t count = 0;
  for (const auto& node : report.nodes) {
    for (const auto& item : node.items) count += item.restored ? 0U : 1U;
  }
  return count;
}

std::string text_recover(const model::Fleet& fleet, const RecoverReport& report,
                         const Style& style) {
  const bool any =
      std::ranges::any_of(report.nodes, [](const auto& n) { return !n.items.empty(); });
  std::string text = report.since.empty()
                         ? "No good run of this fleet is on record: held against the inventory.\n"
                         : "Since the last good run, " + printable(report.since, 80) + ":\n";
  text += any ? table_of(report, style) : "  nothing was lost\n";
  for (const auto& node : report.nodes) {
    if (!node.error || !node.items.empty()) continue;
    text += wrap(bullet(Mark::bad, style), node.node + ": " + printable(node.error->message), 4,
                 style) +
            explain("", "", node.error->hint, style);
  }
  text += "\n";
  if (!report.rdma_off.empty()) text += recovery_steps(report.rdma_off, style) + "\n";
  if (report.applied.matrix) {
    text += text_connectivity(fleet, *report.applied.matrix, style) + "\n";
  }
  text += text_summary(fleet, report.applied, style) + "\n";
  if (report.since.empty()) return text;
  std::string differing;
  for (const auto& node : report.nodes) {
    for (const auto& one : node.differences) {
      differing += wrap(bullet(Mark::warn, style),
                        fmt::format("{} {}: {} now, {} then", node.node, printable(one.item),
                                    printable(one.now), printable(one.was)),
                        4, style);
    }
  }
  text += "Against the last good run\n";
  return text + (differing.empty() ? bullet(Mark::good, style) + "nothing differs\n" : differing);
}

std::string json_recover(const model::Fleet& fleet, const RecoverReport& report) {
  ordered_json nodes = ordered_json::array();
  for (const auto& node : report.nodes) {
    ordered_json items = ordered_json::array();
    for (const auto& item : node.items) {
      items.push_back({{"item", printable(item.item)},
                       {"lost", printable(item.lost)},
                       {"restored", item.restored},
                       {"why_not", printable(item.why_not)}});
    }
    ordered_json differences = ordered_json::array();
    for (const auto& one : node.differences) {
      differences.push_back({{"item", printable(one.item)},
                             {"was", printable(one.was)},
                             {"now", printable(one.now)}});
    }
    nodes.push_back({{"node", node.node},
                     {"items", std::move(items)},
                     {"differences", std::move(differences)},
                     {"error", node.error ? ordered_json(printable(node.error->message))
                                          : ordered_json(nullptr)}});
  }
  ordered_json document{{"schema", "bringup.recover/1"},
                        {"run", report.run},
                        {"since", report.since.empty() ? ordered_json(nullptr)
                                                       : ordered_json(printable(report.since))},
                        {"nodes", std::move(nodes)},
                        {"rdma_off", report.rdma_off},
                        {"matrix", nullptr}};
  if (report.applied.matrix) {
    document["matrix"] = ordered_json::parse(json_verify(fleet, *report.applied.matrix));
  }
  return document.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace bringup::report
